"""
Tests of `rpcfw.cluster.health`.
"""
