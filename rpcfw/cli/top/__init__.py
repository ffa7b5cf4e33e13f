"""
``rpcfw top``: a live table of the calls in a fleet.
"""
