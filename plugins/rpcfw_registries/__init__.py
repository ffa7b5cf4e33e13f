"""
Registries: which instances serve a service, and where.
"""
