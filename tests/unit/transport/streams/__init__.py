"""
Tests of streams.
"""
