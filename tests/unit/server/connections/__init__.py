"""
Tests of a server's connections.
"""
