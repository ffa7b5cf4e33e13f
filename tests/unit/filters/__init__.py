"""
The mechanisms that calls pass.
"""
