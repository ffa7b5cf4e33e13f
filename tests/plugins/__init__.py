"""
One folder a family of plugins: its contract suite, then its own cases.
"""
