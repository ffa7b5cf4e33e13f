"""
gRPC's standard services, called over both wires.
"""
