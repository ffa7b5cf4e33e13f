"""
Consistent hash: calls with the same key go to the same node, while it is not overloaded.

Theory of operation. The key of a call has a place on a ring, and the next point on the ring
belongs to the node that gets the call (`rpcfw_balancers.hash_ring`). When one of n nodes
leaves, only its own keys move, about 1/n of all.

A key that everybody asks for would overload its node. So the load has a bound: a node that
has more than ``1 + extra_load`` times the mean in flight is passed over, and the next on the
ring gets the call (Mirrokni, Thorup, Zadimoghaddam, *Consistent Hashing with Bounded Loads*,
2016). The mean needs the sum of what is in flight; among many nodes it is taken anew once for
several picks, so that a pick costs little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from math import ceil
from typing import ClassVar

from rpcfw.spi.balancer import Balancer, Candidate, Picker, Shares
from rpcfw.spi.call_key import CallKey
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.call import Call
from rpcfw.values.units import Share
from rpcfw_balancers.hash_ring import HashRing
from rpcfw_balancers.weighted_draw import WeightedDraw

__all__ = ["ConsistentHash"]

_MAX_VIRTUAL_NODES = 1000
#: So many points are looked at for a node that may have more in flight.
_MAX_STEPS = 256
#: The sum of what is in flight is taken once for this share of the nodes in picks.
_NODES_PER_PICK = 16


@options
class ConsistentHashOptions:
    """
    What the INI may say.
    """

    key: CallKey = option(NO_DEFAULT, "value that keeps calls together")
    virtual_nodes: int = option(
        "100", "points of each node on the ring; all clients of a service need the same number"
    )
    extra_load: Share = option(
        "25%", "a node may have this much more in flight than the mean, in proportion to its weight"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what makes no ring, or one that is too large.
        """
        if not 1 <= self.virtual_nodes <= _MAX_VIRTUAL_NODES:
            yield (
                "virtual_nodes",
                f"must be from 1 to {_MAX_VIRTUAL_NODES}, not {self.virtual_nodes}",
            )


class ConsistentHash(Balancer):
    """
    For caches, and for state that a node keeps of what it is called for.

    A call without the key goes to a node at random, by weight.
    """

    Options: ClassVar[type] = ConsistentHashOptions
    options: ConsistentHashOptions

    def __init__(self, options: ConsistentHashOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._ring: HashRing | None = None

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        alive = [one for one in candidates if one.weight > 0]
        largest = max((one.weight for one in alive), default=1)
        each = self.options.virtual_nodes
        counts = {one.instance.id: ceil(each * one.weight / largest) for one in alive}
        ring = self._ring
        if ring is None or ring.counts != counts:
            ring = self._ring = HashRing(counts, ring)
        return _Ring(candidates, ring, self.options, self.plugin_context)


class _Ring(Picker):
    def __init__(
        self,
        candidates: Sequence[Candidate],
        ring: HashRing,
        options: ConsistentHashOptions,
        plugin_context: PluginContext,
    ) -> None:
        self._draw = WeightedDraw(candidates, plugin_context.random)
        self._alive = self._draw.alive
        self._by_id = {one.instance.id: one for one in self._alive}
        self._ring = ring
        self._key = options.key.reader(plugin_context.application)
        self._factor = 1 + options.extra_load
        self._total_weight = self._draw.mean_weight * len(self._alive)
        self._in_flight = 0
        self._picks_left = 0

    def pick(self, call: Call) -> Candidate | None:
        tried = call.tried
        key = self._key(call)
        if key is None:
            return self._draw.untried(tried)
        return self._on_ring(key, self._bound(), tried)

    def shares(self, call: Call) -> Shares:
        key = self._key(call)
        if key is None:
            shares = self._draw.shares(call)
            return Shares(shares.of, note="the call has no key: nodes are drawn by weight")
        bound = self._bound_with(sum(one.in_flight for one in self._alive))
        one = self._on_ring(key, bound, ())
        if one is None or not one.weight:
            return self._draw.shares(call)
        return Shares({one: 1.0}, note="the node of the key, if it is not overloaded")

    def _on_ring(self, key: str, bound: float, tried: tuple[object, ...]) -> Candidate | None:
        first = None
        for name in islice(self._ring.from_key(key), _MAX_STEPS):
            one = self._by_id[name]
            if one in tried:
                continue
            if one.in_flight < ceil(bound * one.weight):
                return one
            first = first or one
        return first or self._draw.untried(tried)

    def _bound(self) -> float:
        """
        Return how much may be in flight on a node, for each unit of its weight.
        """
        if self._picks_left <= 0:
            self._picks_left = len(self._alive) // _NODES_PER_PICK + 1
            self._in_flight = sum(one.in_flight for one in self._alive)
        self._picks_left -= 1
        return self._bound_with(self._in_flight)

    def _bound_with(self, in_flight: int) -> float:
        return self._factor * (in_flight + 1) / (self._total_weight or 1)
