"""
Twisted carries the bytes: the one floor on a call's way with Twisted protocol classes.
"""
