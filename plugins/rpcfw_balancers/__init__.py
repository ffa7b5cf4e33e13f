"""
Balancers: which node gets the next attempt.
"""
