"""
Header compression (RFC 7541), with as little of it done twice as can be.
"""
