"""
Fleets of nodes, simulated on the lab's clock: what each balancer makes of them.
"""
