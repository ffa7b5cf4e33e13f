"""
Tests of the package etcd3 behind the registry.
"""
