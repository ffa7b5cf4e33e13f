"""
Plain things that are handed about: no Twisted, no clock, no I/O, no logging.
"""
