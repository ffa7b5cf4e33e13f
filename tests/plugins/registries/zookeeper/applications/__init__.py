"""
Tests of the ZooKeeper registry.
"""
