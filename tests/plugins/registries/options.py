"""
Options as the INI would give them.
"""

from __future__ import annotations

from attrs import evolve

from rpcfw.kernel.settings import options_of
from rpcfw_registries.standalone.node.service import NodeOptions


def node_options(**over):
    """
    Return the options of a small node.
    """
    small = {"services": 100, "instances": 1000, "total_size": 1 << 20, "watchers": 100}
    return evolve(options_of(NodeOptions), **{**small, **over})
