"""
HTTP/2 by itself: everything here drives the connection machine without gRPC.
"""
