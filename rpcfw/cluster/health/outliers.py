"""
Which nodes answer clearly worse than the others.

Two rules, as in gRPC's outlier detection (proposal A50):

- *failure percentage*: the rate of a node is below a limit. Here it must also be clearly below
  that of all others together. If a database fails behind all nodes, no node is to blame, and
  the others would only get the load of those that are left out.
- *success rate*: the rate is below the mean of all by so many standard deviations. With few
  nodes, or few calls, it would be an accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, pstdev
from typing import TypeVar

from rpcfw.cluster.health.availability import Availability
from rpcfw.cluster.health.options import HealthOptions

__all__ = ["outliers"]

T = TypeVar("T")

#: So far below the others is a difference that a caller notices.
_CLEARLY = 0.1
#: The same for the second rule, which knows how much the rates differ anyhow.
_BELOW_MEAN = 0.05
#: For the second rule, as in A50.
_MIN_NODES = 5
_MIN_CALLS = 100


def outliers(nodes: Mapping[T, Availability], options: HealthOptions) -> list[T]:
    """
    Return the nodes that are to be ejected, the worst first.
    """
    rated = {node: each for node, each in nodes.items() if each.calls >= options.min_calls}
    calls = sum(each.calls for each in rated.values())
    failures = sum(each.failures for each in rated.values())
    low = _lowest_usual(rated, options)

    def is_out(one: Availability) -> bool:
        if one.calls >= _MIN_CALLS and one.rate < low:
            return True
        if one.rate >= options.min_availability:
            return False
        others = calls - one.calls
        return not others or one.rate <= 1 - (failures - one.failures) / others - _CLEARLY

    found = [node for node, each in rated.items() if is_out(each)]
    return sorted(found, key=lambda node: rated[node].rate)


def _lowest_usual(rated: Mapping[T, Availability], options: HealthOptions) -> float:
    """
    Return the rate below which a node is an outlier among the others.
    """
    rates = [each.rate for each in rated.values() if each.calls >= _MIN_CALLS]
    if len(rates) < _MIN_NODES or not options.deviations:
        return 0.0
    mean = fmean(rates)
    return mean - max(options.deviations * pstdev(rates, mean), _BELOW_MEAN)
