"""
A server, joined together. Never imports the client, nor the other way round.
"""
