"""
Whole systems in memory, on one clock that the test moves.
"""
