"""
Attempt strategies: one after another, side by side, or in the background.
"""
