"""
One file for each file of the framework, under the same path.
"""
