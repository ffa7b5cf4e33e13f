"""
A server: ports, connections, calls, announcing. Never imports the client, nor the reverse.
"""
