"""
Which node gets the next attempt.
"""
