"""
The gRPC wire machine.
"""
