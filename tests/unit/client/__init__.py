"""
Tests of `rpcfw.client`.
"""
