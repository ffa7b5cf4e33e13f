"""
Tests of `rpcfw.server`.
"""
