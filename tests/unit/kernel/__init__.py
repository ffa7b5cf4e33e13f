"""
The kernel, file by file.
"""
