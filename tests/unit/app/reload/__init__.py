"""
Tests of `rpcfw.app.reload`.
"""
