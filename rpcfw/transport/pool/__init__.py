"""
The connections to one node, and the calls that wait for one of them.
"""
