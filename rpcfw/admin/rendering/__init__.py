"""
From the content of a page to bytes, in one of the formats.
"""
