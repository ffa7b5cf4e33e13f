"""
Random draws in proportion to the weights, in O(log n).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from rpcfw.spi.balancer import Candidate, Picker, Shares
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.values.call import Call

__all__ = ["WeightedDraw", "shares_by_weight"]

#: How often a draw that hit a tried candidate is repeated before the rest is listed.
_REDRAWS = 4


class WeightedDraw(Picker):
    """
    Draws a point on the line of all weights, laid end to end.

    Args:
        candidates: to draw from. Those of weight 0 are drawn when no other is left.
        random: the source of random numbers.
        factors: what the weight of each is multiplied by, above 0; None: 1 for all.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        random: RandomSource,
        factors: Sequence[float] | None = None,
    ) -> None:
        self._random = random.random
        alive = [candidate for candidate in candidates if candidate.weight > 0]
        self._drained = [candidate for candidate in candidates if candidate.weight <= 0]
        self._alive = alive
        self._last = len(alive) - 1
        weights: Sequence[float] = [candidate.weight for candidate in alive]
        if factors is not None:
            pairs = zip(candidates, factors, strict=True)
            weights = [one.weight * factor for one, factor in pairs if one.weight > 0]
        self._weights = weights
        self._sums = list(accumulate(weights))
        self._total = self._sums[-1] if alive else 0
        # Equal weights, the usual case, need no search.
        self._equal = len(alive) if len(set(weights)) == 1 else 0

    @property
    def alive(self) -> Sequence[Candidate]:
        """
        The candidates that have a weight.
        """
        return self._alive

    @property
    def mean_weight(self) -> float:
        """
        The mean of the weights above 0; 1 if there are none.
        """
        return self._total / len(self._alive) if self._alive else 1.0

    def pick(self, call: Call) -> Candidate | None:
        tried = call.tried
        if tried or not self._alive:
            return self.untried(tried)
        if self._equal:  # as in `_draw`, without the call
            return self._alive[int(self._random() * self._equal)]
        return self._draw()

    def shares(self, call: Call) -> Shares:
        if not self._alive:
            return Shares(shares_by_weight(self._drained))
        pairs = zip(self._alive, self._weights, strict=True)
        return Shares({candidate: weight / self._total for candidate, weight in pairs})

    def untried(self, tried: tuple[object, ...]) -> Candidate | None:
        """
        Return a candidate that is not in ``tried``; None if all are.
        """
        if len(tried) < len(self._alive):
            for _ in range(_REDRAWS):
                candidate = self._draw()
                if candidate not in tried:
                    return candidate
        return self._draw_listed(tried)

    def two(self) -> tuple[Candidate, Candidate]:
        """
        Return two different candidates; there have to be two with a weight.

        The second is drawn from the line without the stretch of the first.
        """
        alive = self._alive
        if self._equal:
            one = int(self._random() * self._equal)
            other = int(self._random() * (self._equal - 1))
            return alive[one], alive[other + (other >= one)]
        sums, last = self._sums, self._last
        one = bisect_right(sums, self._random() * self._total, 0, last)
        before = sums[one - 1] if one else 0
        weight = sums[one] - before
        point = self._random() * (self._total - weight)
        other = bisect_right(sums, point + weight if point >= before else point, 0, last)
        if other == one:  # the sum of floats was rounded
            other = one - 1 if one else 1
        return alive[one], alive[other]

    def _draw(self) -> Candidate:
        if self._equal:
            return self._alive[int(self._random() * self._equal)]
        # Bounded, because a product of floats may round up to the total.
        return self._alive[bisect_right(self._sums, self._random() * self._total, 0, self._last)]

    def _draw_listed(self, tried: tuple[object, ...]) -> Candidate | None:
        pairs = zip(self._alive, self._weights, strict=True)
        left = [(candidate, weight) for candidate, weight in pairs if candidate not in tried]
        if left:
            sums = list(accumulate(weight for _, weight in left))
            return left[bisect_right(sums, self._random() * sums[-1], 0, len(left) - 1)][0]
        rest = [candidate for candidate in self._drained if candidate not in tried]
        return rest[int(self._random() * len(rest))] if rest else None


def shares_by_weight(candidates: Sequence[Candidate]) -> dict[Candidate, float]:
    """
    Return the share of each candidate; equal shares if none has a weight.
    """
    total = sum(one.weight for one in candidates)
    if not total:
        return dict.fromkeys(candidates, 1 / max(1, len(candidates)))
    return {one: one.weight / total for one in candidates}
