"""
The microkernel: find, configure, order, start, stop. Knows no registry, codec or wire.
"""
