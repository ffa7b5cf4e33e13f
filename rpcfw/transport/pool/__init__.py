"""
The connections to one node, and calls that wait for room on them.
"""
