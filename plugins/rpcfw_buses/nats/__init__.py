"""
The bus ``nats``.
"""
