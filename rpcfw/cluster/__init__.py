"""
From the name of a service to one live node.
"""
