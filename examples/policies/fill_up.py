"""
A balancer: the first zone gets all calls; the next one gets what is too much for it.
"""

from __future__ import annotations

from rpcfw.spi.balancer import Balancer, Picker, Shares
from rpcfw.spi.options import option, options


class FillUp(Balancer):
    @options
    class Options:
        zones: tuple[str, ...] = option("", "zones, the first one first; others come last")
        max_calls: int = option("10", "calls in flight from which on the next instance is used")

    def picker(self, candidates):
        zones = {zone: number for number, zone in enumerate(self.options.zones)}
        ranks = {one: (not one.weight, zones.get(one.instance.zone, 99)) for one in candidates}
        return _InOrder(sorted(candidates, key=ranks.__getitem__), self.options.max_calls)


class _InOrder(Picker):
    def __init__(self, ordered, max_calls):
        self.ordered, self.max_calls = ordered, max_calls

    def pick(self, call):
        left = (one for one in self.ordered if one not in call.tried)
        first = next(left, None)
        if first is None or first.in_flight < self.max_calls:
            return first
        others = (one for one in left if one.weight and one.in_flight < self.max_calls)
        return next(others, first)

    def shares(self, call):
        return Shares({self.pick(call): 1.0}, note="of the next call")
