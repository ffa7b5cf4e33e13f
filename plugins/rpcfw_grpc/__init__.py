"""
gRPC over HTTP/2: one more wire behind the protocol seam, in pure Python.
"""
