"""
Tests of the etcd registry.
"""
