"""
The bus ``redis``.
"""
