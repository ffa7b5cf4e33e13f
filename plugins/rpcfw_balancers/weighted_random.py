"""
Weighted random: each pick is a new draw, in proportion to the weights.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from rpcfw.spi.balancer import Balancer, Candidate, Picker
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.values.call import Call

__all__ = ["WeightedRandom"]

#: How often a draw that hit a tried candidate is repeated before the rest is listed.
_REDRAWS = 4


class WeightedRandom(Balancer):
    """
    The default: it needs no memory and no agreement.

    Clients that know nothing of each other spread their calls evenly together.
    """

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        return _Draw(candidates, self.plugin_context.random)


class _Draw(Picker):
    """
    Draws a point on the line of all weights, laid end to end.
    """

    def __init__(self, candidates: Sequence[Candidate], random: RandomSource) -> None:
        self._random = random.random
        alive = [candidate for candidate in candidates if candidate.weight > 0]
        self._drained = [candidate for candidate in candidates if candidate.weight <= 0]
        self._alive = alive
        self._last = len(alive) - 1
        self._sums = list(accumulate(candidate.weight for candidate in alive))
        self._total = self._sums[-1] if alive else 0
        # Equal weights, the usual case, need no search.
        self._equal = len(alive) if self._total == len(alive) * _first_weight(alive) else 0

    def pick(self, call: Call) -> Candidate | None:
        tried = call.tried
        if not tried and self._alive:
            return self._draw()
        if len(tried) < len(self._alive):
            for _ in range(_REDRAWS):
                candidate = self._draw()
                if candidate not in tried:
                    return candidate
        return self._draw_untried(tried)

    def _draw(self) -> Candidate:
        if self._equal:
            return self._alive[int(self._random() * self._equal)]
        # Bounded, because a product of floats may round up to the total.
        return self._alive[bisect_right(self._sums, self._random() * self._total, 0, self._last)]

    def _draw_untried(self, tried: tuple[object, ...]) -> Candidate | None:
        rest = [candidate for candidate in self._alive if candidate not in tried]
        if rest:
            sums = list(accumulate(candidate.weight for candidate in rest))
            return rest[bisect_right(sums, self._random() * sums[-1], 0, len(rest) - 1)]
        rest = [candidate for candidate in self._drained if candidate not in tried]
        return rest[int(self._random() * len(rest))] if rest else None


def _first_weight(candidates: Sequence[Candidate]) -> int:
    return candidates[0].weight if candidates else 0
