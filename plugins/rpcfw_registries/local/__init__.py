"""
Registries that need no server: a file, addresses in the INI, DNS, memory.
"""
