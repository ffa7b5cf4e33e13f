"""
Filters of the core: deadline, retry loop, hedging, metrics. Each asks a policy plugin, then acts.
"""
