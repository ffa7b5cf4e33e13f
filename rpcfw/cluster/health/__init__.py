"""
The health of the nodes of a service: healthy, sub-healthy or dead.
"""
