"""
Plain values: address, instance, metadata, call, outcome. No Twisted, clock, I/O or logging.
"""
