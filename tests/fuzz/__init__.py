"""
One file a parser: whatever bytes come, the invariant in its first line holds.
"""
