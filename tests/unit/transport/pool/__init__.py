"""
Tests of links and their pool.
"""
