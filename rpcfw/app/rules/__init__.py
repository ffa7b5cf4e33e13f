"""
Rules that change this process while it runs: what they may contain, and who follows them.
"""
