"""
The native protocol (``docs/wire.md``) as a machine without I/O: no Twisted, no clock.
"""
