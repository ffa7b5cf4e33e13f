"""
Clients, piece by piece.
"""
