"""
A served call, from its request to its response.
"""
