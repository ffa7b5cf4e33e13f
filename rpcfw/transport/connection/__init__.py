"""
One connection: the driver between a machine and its socket.
"""
