"""
Tests of `rpcfw.cluster`.
"""
