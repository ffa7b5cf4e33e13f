"""
gRPC's standard services: what probes and tools of that world ask a server for.
"""
