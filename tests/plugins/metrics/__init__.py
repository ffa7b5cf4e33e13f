"""
Metrics for backends.
"""
