"""
Messages of a stream: the inbox and the outbox.
"""
