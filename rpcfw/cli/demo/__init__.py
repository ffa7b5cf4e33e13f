"""
``rpcfw demo``: the main job on one machine, explained as it happens.
"""
