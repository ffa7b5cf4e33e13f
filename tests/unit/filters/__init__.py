"""
Tests of `rpcfw.filters`.
"""
