"""
The services that show a process to tools.
"""
