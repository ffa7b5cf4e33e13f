"""
Tests of what joins registry servers.
"""
