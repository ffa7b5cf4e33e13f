"""
A soak: one server with both wires, many kinds of hostile connections, one honest client.

``python -m benchmarks.soak`` runs it. The honest client must lose nothing and be answered
in time, and the server's memory must stay within its bound.
"""
