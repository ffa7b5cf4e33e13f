"""
A small fleet of real processes, and a console that shows it.
"""
