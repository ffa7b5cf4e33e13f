"""
Foreign peers.
"""
