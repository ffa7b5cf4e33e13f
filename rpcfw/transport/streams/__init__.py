"""
The two ends of a stream of messages.
"""
