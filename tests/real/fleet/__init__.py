"""
Three providers, a consumer, and one fault: real processes with default settings.

``python -m tests.real.fleet FAULT`` runs one and prints its figures.
"""
