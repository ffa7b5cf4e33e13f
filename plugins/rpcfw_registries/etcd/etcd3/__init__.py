"""
etcd reached through the package etcd3, in threads.
"""
