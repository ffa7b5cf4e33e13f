"""
The admin port of a process.
"""
