"""
Connections on Twisted: network, driver, streams, pools.

The only layer of a call with Twisted protocol classes.
"""
