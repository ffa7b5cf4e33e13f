"""
What the core and plugins both need while a process runs.
"""
