"""
The registry server itself: the server side.
"""
