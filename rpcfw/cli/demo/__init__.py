"""
``rpcfw demo``: the main job on one machine, told as it happens.
"""
