"""
The etcd registry: leases, watches, and the two clients that it can stand on.
"""
