"""
Tests of what registries with a server share.
"""
