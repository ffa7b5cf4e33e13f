"""
Tests of the registry that comes with the framework.
"""
