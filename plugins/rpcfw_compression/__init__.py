"""
Compression methods: bytes to fewer bytes and back.
"""
