"""
Options as the INI would give them.
"""

from __future__ import annotations

from rpcfw_registries.standalone_node import NodeOptions


def node_options(**over):
    """
    Return the options of a small node.
    """
    plain = {
        "shortest_lease": 1.0,
        "longest_lease": 60.0,
        "gather": 0.01,
        "services": 100,
        "instances": 1000,
        "total_size": 1 << 20,
        "watchers": 100,
    }
    return NodeOptions(**{**plain, **over})
