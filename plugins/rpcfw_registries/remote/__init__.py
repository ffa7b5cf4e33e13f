"""
What the registries with a server share.
"""
