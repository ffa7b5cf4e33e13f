"""
HTTP/2 connections: frames, flow control, header compression. Knows nothing of gRPC.
"""
