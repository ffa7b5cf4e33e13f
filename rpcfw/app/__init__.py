"""
One process, from INI files to running parts.
"""
