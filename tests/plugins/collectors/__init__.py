"""
Limiters, policy by policy.
"""
