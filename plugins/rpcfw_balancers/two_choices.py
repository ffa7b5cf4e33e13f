"""
How often each of many nodes wins, if two are drawn by weight and the lower load wins.
"""

from __future__ import annotations

from collections.abc import Mapping

from rpcfw.spi.balancer import Candidate

__all__ = ["shares_of_two"]


def shares_of_two(loads: Mapping[Candidate, float]) -> dict[Candidate, float]:
    """
    Return the share of each candidate; there have to be two, all with a weight.

    With the weights w and their sum W, i is drawn first and j second with the probability
    ``w_i / W * w_j / (W - w_i)``. The one with the lower load wins, among equals the first.
    So the sums over all nodes with a higher load are enough, and it takes O(n log n).

    Args:
        loads: of each candidate.
    """
    by_load: dict[float, list[Candidate]] = {}
    for one, load in loads.items():
        by_load.setdefault(load, []).append(one)
    total = sum(one.weight for one in loads)
    #: Of the nodes with a higher load: the sum of w, and that of w / (W - w).
    weights = odds = 0.0
    shares = {}
    for load in sorted(by_load, reverse=True):
        equals = by_load[load]
        own = sum(one.weight for one in equals)
        for one in equals:
            first = (weights + own - one.weight) / (total - one.weight)
            shares[one] = one.weight / total * (first + odds)
        weights += own
        odds += sum(one.weight / (total - one.weight) for one in equals)
    return shares
