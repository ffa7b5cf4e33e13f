"""
What the tests of failover share: processes of their own, and what happens to them.
"""
