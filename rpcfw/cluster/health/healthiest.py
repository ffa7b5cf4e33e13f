"""
Which nodes take calls: the healthy ones, unless too few are.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.cluster.node import Node
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.units import part_of

__all__ = ["healthiest"]


def healthiest(nodes: Sequence[Node], panic_share: float) -> Sequence[Node]:
    """
    Return the healthy ones of these nodes, or all of them if too few are healthy.

    The few that are healthy could not carry the calls of all. So below ``panic_share`` it is
    better to ignore the health (Envoy's panic mode). Nodes of weight 0 get no calls anyhow, and
    do not count.
    """
    healthy = [node for node in nodes if node.health is NodeHealth.HEALTHY]
    if len(healthy) == len(nodes):
        return nodes
    usable = sum([node.weight > 0 for node in healthy])
    of_all = sum([node.weight > 0 for node in nodes])
    return healthy if usable and usable >= part_of(panic_share, of_all) else nodes
