"""
Dubbo's application level in ZooKeeper: instances of applications, mapping and metadata.
"""
