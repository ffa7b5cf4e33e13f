"""
Circuit breakers, policy by policy.
"""
