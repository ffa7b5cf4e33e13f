"""
HTTP for people with a browser: bounded in every direction, and without a tree of resources.
"""
