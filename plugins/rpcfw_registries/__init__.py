"""
Who serves what, where.
"""
