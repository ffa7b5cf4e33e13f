"""
Mechanisms that stand in a stack. Each asks a policy plugin, then acts.
"""
