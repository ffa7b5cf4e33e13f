"""
Tests of tracing.
"""
