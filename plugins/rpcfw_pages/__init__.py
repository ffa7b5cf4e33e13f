"""
The pages of the admin port.
"""
