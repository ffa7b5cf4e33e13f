"""
Options as the INI would give them.
"""

from __future__ import annotations

from attrs import evolve

from rpcfw.kernel.settings import options_of
from rpcfw_registries.standalone.node.options import NodeOptions


def node_options(**over):
    """
    Return the options of a small node.
    """
    small = {"max_services": 100, "max_instances": 1000, "max_total_bytes": 1 << 20}
    small["max_watches"] = 100
    return evolve(options_of(NodeOptions), **{**small, **over})
