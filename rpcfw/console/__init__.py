"""
The web console of a fleet: one process that shows services and changes their rules.
"""
