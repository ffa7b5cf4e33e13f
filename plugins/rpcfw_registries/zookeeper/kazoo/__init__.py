"""
ZooKeeper reached through kazoo, in a thread of its own.
"""
