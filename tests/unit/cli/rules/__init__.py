"""
Tests of `rpcfw.cli.rules`.
"""
