"""
Tests of a served call's way.
"""
