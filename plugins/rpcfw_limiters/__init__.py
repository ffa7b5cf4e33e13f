"""
Limiters: which calls are refused because there are too many.
"""
