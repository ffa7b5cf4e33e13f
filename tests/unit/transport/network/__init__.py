"""
Tests of listening, dialling and TLS.
"""
