"""
From definitions of interfaces in Java to Python.
"""
