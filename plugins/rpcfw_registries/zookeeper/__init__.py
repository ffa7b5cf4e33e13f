"""
The ZooKeeper registry: ephemeral znodes and watches.
"""
