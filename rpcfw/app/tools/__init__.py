"""
What the command line and the console share.
"""
