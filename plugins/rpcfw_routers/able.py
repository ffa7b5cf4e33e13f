"""
Which of the candidates can take calls now, for routers that ask whether enough are left.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.spi.balancer import Candidate

__all__ = ["able"]


def able(candidates: Sequence[Candidate]) -> int:
    """
    Return how many are neither drained (of weight 0) nor unreachable.
    """
    return sum(one.weight > 0 and one.reachable for one in candidates)
