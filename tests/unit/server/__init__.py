"""
Servers, piece by piece.
"""
