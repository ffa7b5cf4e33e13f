"""
Tests of `rpcfw.app.rules`.
"""
