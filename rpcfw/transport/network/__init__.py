"""
Addresses, listening and dialling, TLS, first bytes.
"""
