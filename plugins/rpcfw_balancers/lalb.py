"""
LALB, locality-aware load balancing: shares follow rate / latency, measured in the calls.

Theory of operation. The weight of a node is the rate at which it answers, divided by its
latency. A node that answers sooner gets more calls, until they make it as slow as the
others. A draw by weight is a search in a tree of sums, and each ended attempt changes one
weight, so both take O(log n).

A node that is not measured yet counts as the mean of the measured ones. These nodes are
apart from the tree: else each change of the mean would change them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar
from weakref import WeakKeyDictionary

from rpcfw.spi.balancer import Balancer, Candidate, Picker, Shares
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome
from rpcfw.values.units import Seconds, Share
from rpcfw_balancers.lalb_weight import MIN_WEIGHT, LalbWeight
from rpcfw_balancers.prefix_sums import PrefixSums
from rpcfw_balancers.weighted_draw import WeightedDraw

__all__ = ["Lalb"]

#: How often a draw that hit a tried node, or one whose weight fell, is repeated.
_REDRAWS = 8


@options
class LalbOptions:
    """
    What the INI may say.
    """

    failure_latency: Seconds = option(
        "1s", "latency that a failed attempt counts as; business errors are no failures"
    )
    min_share: Share = option("5%", "a node keeps at least this share of the mean weight")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no weight can be made of.
        """
        if self.failure_latency <= 0:
            yield "failure_latency", f"must be above 0s, not {self.failure_latency:g}s"


class Lalb(Balancer):
    """
    Learns which nodes are near, strong and idle.
    """

    Options: ClassVar[type] = LalbOptions
    options: LalbOptions

    def __init__(self, options: LalbOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._learned: WeakKeyDictionary[Candidate, LalbWeight] = WeakKeyDictionary()

    def take_over(self, before: Lalb) -> None:
        """
        Share what is learned: attempts that ``before`` picked still end.
        """
        self._learned = before._learned

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        return _ByWeight(candidates, self._learned, self.options, self.plugin_context)


class _ByWeight(Picker):
    learns = True

    def __init__(
        self,
        candidates: Sequence[Candidate],
        learned: WeakKeyDictionary[Candidate, LalbWeight],
        options: LalbOptions,
        plugin_context: PluginContext,
    ) -> None:
        self._random = plugin_context.random.random
        self._seconds = plugin_context.clock.seconds
        self._options = options
        self._learned = learned
        self._draw = WeightedDraw(candidates, plugin_context.random)
        self._alive = self._draw.alive
        self._states = [learned.setdefault(one, LalbWeight()) for one in self._alive]
        self._places = {one: place for place, one in enumerate(self._alive)}
        self._tree = PrefixSums(len(self._alive))
        #: Places of the nodes that are not measured yet, and where each is in that list.
        self._unmeasured = [place for place, state in enumerate(self._states) if not state.base]
        self._listed = {place: number for number, place in enumerate(self._unmeasured)}
        now = self._seconds()
        for place, state in enumerate(self._states):
            if state.base:
                self._weigh(place, now)

    def pick(self, call: Call) -> Candidate | None:
        tried, now = call.tried, self._seconds()
        for _ in range(_REDRAWS if self._alive else 0):
            place = self._drawn(now)
            if place >= 0 and self._alive[place] not in tried:
                return self._alive[place]
        return self._draw.untried(tried)

    def shares(self, call: Call) -> Shares:
        now, both = self._seconds(), zip(self._alive, self._states, strict=True)
        weights = {one: float(self._weight_of(state, now)) for one, state in both}
        if not weights:
            return self._draw.shares(call)
        total = sum(weights.values())
        return Shares(
            {one: weight / total for one, weight in weights.items()},
            exact=False,
            note="each attempt that ends changes a weight",
            scores=weights,
        )

    def began(self, candidate: Candidate) -> None:
        self._learned.setdefault(candidate, LalbWeight()).began(self._seconds())

    def record(self, candidate: Candidate, outcome: Outcome) -> None:
        state, now = self._learned.setdefault(candidate, LalbWeight()), self._seconds()
        state.ended(outcome, now, self._options.failure_latency)
        place = self._places.get(candidate)
        if place is not None and state.base:
            self._weigh(place, now)

    def _drawn(self, now: float) -> int:
        """
        Return a place that is drawn by weight; -1 if its weight turned out to be lower.
        """
        tree, unmeasured = self._tree, self._unmeasured
        mean = self._mean()
        point = int(self._random() * (tree.total + mean * len(unmeasured)))
        if point < tree.total:
            place, into = tree.find(point)
            return place if into < self._weigh(place, now) else -1
        number, into = divmod(point - tree.total, mean)
        place = unmeasured[number]
        state = self._states[place]
        if state.base:  # another picker's attempts have measured it
            self._weigh(place, now)
        factor = state.punishment(now, self._options.failure_latency)
        return place if into < mean * factor else -1

    def _mean(self) -> int:
        """
        Return the mean weight of the measured nodes.
        """
        measured = len(self._alive) - len(self._unmeasured)
        return max(self._tree.total // measured, MIN_WEIGHT) if measured else MIN_WEIGHT

    def _weigh(self, place: int, now: float) -> int:
        """
        Set the weight of a measured node, and return it.
        """
        if place in self._listed:
            self._unlist(place)
        weight = self._tree[place] = self._weight_of(self._states[place], now)
        return weight

    def _weight_of(self, state: LalbWeight, now: float) -> int:
        """
        Return the weight of a node; one that is not measured counts as the mean.
        """
        failure_s = self._options.failure_latency
        if not state.base:
            return max(1, int(self._mean() * state.punishment(now, failure_s)))
        least = int(self._mean() * self._options.min_share)
        return max(state.weight(now, failure_s), least)

    def _unlist(self, place: int) -> None:
        """
        Take a node off the list of those that are not measured; the last takes its number.
        """
        number, last = self._listed.pop(place), self._unmeasured.pop()
        if last != place:
            self._unmeasured[number] = last
            self._listed[last] = number
