"""
Codecs: messages to bytes and back.
"""
