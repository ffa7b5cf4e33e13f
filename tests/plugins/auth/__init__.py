"""
Credentials and authenticators, plugin by plugin.
"""
