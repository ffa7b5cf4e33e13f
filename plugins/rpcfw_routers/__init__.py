"""
Where a call may go at all.
"""
