"""
A prober: probes the nodes of services, and reports those that it does not reach.
"""
