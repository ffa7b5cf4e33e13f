"""
Collectors: what a client knows of its nodes, as scores.
"""
