"""
Real sockets, processes and servers.
"""
