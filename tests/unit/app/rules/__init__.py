"""
Tests of `rpcfw.app`.
"""
