"""
The wire protocol gRPC over HTTP/2, in pure Python.

`http2` is the ground and knows nothing of gRPC. `server` and `client` are the machines, which
have an HTTP/2 connection. `adapters` is for programs written for grpcio, `services` are the
standard services of gRPC.
"""
