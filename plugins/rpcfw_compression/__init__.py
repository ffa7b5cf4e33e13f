"""
Bytes to fewer bytes.
"""
