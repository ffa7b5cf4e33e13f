"""
Attempt strategies, and what they are made of: the retry loop, and attempts side by side.
"""
