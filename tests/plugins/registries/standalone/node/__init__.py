"""
Tests of the registry server.
"""
