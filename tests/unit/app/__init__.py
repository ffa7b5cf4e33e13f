"""
The application, piece by piece.
"""
