"""
Which of the candidates can take calls now, for routers that ask whether enough are left.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.spi.balancer import Candidate
from rpcfw.values.node_health import NodeHealth

__all__ = ["able"]


def able(candidates: Sequence[Candidate]) -> int:
    """
    Return how many are neither drained (of weight 0) nor unreachable nor sub-healthy.
    """
    healthy = NodeHealth.HEALTHY
    return sum(one.weight > 0 and one.reachable and one.health is healthy for one in candidates)
