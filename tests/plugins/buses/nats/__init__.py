"""
Tests of the bus ``nats``.
"""
