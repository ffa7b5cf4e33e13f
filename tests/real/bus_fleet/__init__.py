"""
Three registry servers on a bus, with providers and consumers that do not notice their faults.
"""
