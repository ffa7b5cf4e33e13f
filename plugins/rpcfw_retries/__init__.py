"""
Retry policies: whether and when a call is tried again.
"""
