"""
Tests of the registry node.
"""
