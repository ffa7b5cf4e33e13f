"""
A client, joined together.
"""
