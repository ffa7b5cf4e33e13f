"""
Tests of registries without a server.
"""
