"""
Tests of the bus ``redis``.
"""
