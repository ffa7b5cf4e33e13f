"""
Tests of what buses have in common that a broker carries.
"""
