"""
Tests of the message buses.
"""
