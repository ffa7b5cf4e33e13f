"""
Tests of one connection.
"""
