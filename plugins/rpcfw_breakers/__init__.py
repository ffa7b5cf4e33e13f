"""
Circuit breakers: when a failing node is left alone.
"""
