"""
The registry that comes with the framework: its client side.
"""
