"""
Weighted random: each pick is independent, with probabilities in proportion to the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.spi.balancer import Balancer, Candidate, Picker
from rpcfw_balancers.weighted_draw import WeightedDraw

__all__ = ["WeightedRandom"]


class WeightedRandom(Balancer):
    """
    The default: picks a node at random, each with a probability in proportion to its weight.

    Clients do not need to know each other: together they spread their calls by the weights.
    """

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        return WeightedDraw(candidates, self.plugin_context.random)
