"""
Tests of kazoo behind the registry.
"""
