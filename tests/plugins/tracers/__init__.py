"""
Tests of tracers.
"""
