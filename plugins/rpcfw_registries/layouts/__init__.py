"""
Layouts: by which names, and with which data, instances are kept in a registry's tree.
"""
