"""
Tests of the layouts of registries.
"""
