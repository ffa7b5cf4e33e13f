"""
The policies of the example.
"""
