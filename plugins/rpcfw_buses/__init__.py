"""
Message buses that join registry servers.
"""
