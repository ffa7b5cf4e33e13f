"""
Tests of `rpcfw.console`.
"""
