"""
What runs as processes of their own in the tests of failover.
"""
