"""
When to try again.
"""
