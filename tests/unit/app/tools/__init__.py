"""
Tests of `rpcfw.app.tools`.
"""
