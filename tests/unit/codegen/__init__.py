"""
The code generator.
"""
