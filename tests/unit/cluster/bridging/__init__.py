"""
Tests of `rpcfw.cluster.probing`.
"""
