"""
The registry node itself: the server side.
"""
