"""
Bridges: processes that mirror the instances of one registry in another.
"""
