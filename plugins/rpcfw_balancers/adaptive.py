"""
Adaptive: nodes are scored by what collectors know of them, and drawn by score x weight.

Theory of operation. Each collector scores all nodes from 0 to 1. The score of a node is the
product of its scores, each to the power of its collector's weight; or their weighted mean, as
in an appraisal. A call is a draw in proportion to ``score x weight``: a search in a list of
sums, which takes O(log n).

Scores are computed anew by the first call after an interval, never by each call. With many
nodes the interval is longer, so that the scores cost a bounded share of the time.

A node with a bad score gets few calls, and without calls nobody learns that it has recovered.
So a node that was sent nothing for a while gets one attempt as a probe. Such probes are a
small share of all attempts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from math import inf
from typing import ClassVar, Literal
from weakref import WeakKeyDictionary

from rpcfw.spi.balancer import Balancer, Candidate, Picker, Shares
from rpcfw.spi.collector import Collector
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome
from rpcfw.values.units import Seconds, Share
from rpcfw_balancers.scores import combined
from rpcfw_balancers.weighted_draw import WeightedDraw

__all__ = ["Adaptive", "AdaptiveOptions"]

_MIN_INTERVAL_S = 0.01
#: Scores of this many nodes are computed in an interval; more take proportionally longer.
_NODES_AN_INTERVAL = 500


@options
class AdaptiveOptions:
    """
    What the INI may say.
    """

    collectors: tuple[str, ...] = option(
        "runtime, latency, state",
        "collectors that score nodes, each with a section [collector NAME]",
    )
    combine: Literal["product", "mean"] = option(
        "product", "how the scores of a node are combined, each with its collector's weight"
    )
    interval: Seconds = option("200ms", "time after which scores are computed anew")
    probe_after: Seconds = option(
        "1s", "a node that was sent nothing for this long gets one attempt"
    )
    max_probe_share: Share = option("2%", "maximum share of attempts that are such probes")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what nothing can be scored with.
        """
        if not self.collectors:
            yield "collectors", "name at least one collector, such as latency"
        if self.interval < _MIN_INTERVAL_S:
            yield "interval", f"must be at least 10ms, not {self.interval * 1000:g}ms"


class _Last:
    """
    The last attempt on a node.
    """

    __slots__ = ("began_at",)

    def __init__(self) -> None:
        self.began_at = -inf


class _Probes:
    """
    What all pickers of a balancer know of probes.

    Attributes:
        last: the last attempt on each node.
        credit: so many probes may be made.
    """

    __slots__ = ("credit", "last")

    def __init__(self) -> None:
        self.last: WeakKeyDictionary[Candidate, _Last] = WeakKeyDictionary()
        self.credit = 0.0


class Adaptive(Balancer):
    """
    Draws nodes by score and weight; scores come from pluggable collectors.

    Args:
        collectors: those that the option names, in that order.
    """

    Options: ClassVar[type] = AdaptiveOptions
    options: AdaptiveOptions

    def __init__(
        self,
        options: AdaptiveOptions,
        plugin_context: PluginContext,
        collectors: Sequence[Collector],
    ) -> None:
        super().__init__(options, plugin_context)
        self.collectors = tuple(collectors)
        self._probes = _Probes()

    def take_over(self, before: Adaptive) -> None:
        """
        Share what is known: attempts that ``before`` picked still end.
        """
        self._probes = before._probes
        known = {type(each): each for each in before.collectors}
        for each in self.collectors:
            if type(each) in known:
                each.take_over(known[type(each)])

    @property
    def report_interval_s(self) -> float:
        """
        That of the collector that needs reports most often.
        """
        intervals = [each.report_interval_s for each in self.collectors if each.options.weight]
        return min(filter(None, intervals), default=0.0)

    async def start(self) -> None:
        for each in self.collectors:
            await each.start()

    async def stop(self) -> None:
        for each in reversed(self.collectors):
            await each.stop()

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        return _ByScore(
            candidates, self.collectors, self._probes, self.options, self.plugin_context
        )


class _ByScore(Picker):
    learns = True

    def __init__(
        self,
        candidates: Sequence[Candidate],
        collectors: Sequence[Collector],
        probes: _Probes,
        options: AdaptiveOptions,
        plugin_context: PluginContext,
    ) -> None:
        self._candidates = candidates
        self._collectors = [each for each in collectors if each.options.weight]
        self._learning = [each for each in collectors if each.learns]
        self._probes = probes
        # Made here, so that an attempt is a read.
        self._last = {one: probes.last.setdefault(one, _Last()) for one in candidates}
        self._options = options
        self._seconds = plugin_context.clock.seconds
        self._random = plugin_context.random
        self._interval_s = options.interval * max(1.0, len(candidates) / _NODES_AN_INTERVAL)
        self._draw = WeightedDraw(candidates, self._random)
        self._due_at = -inf
        #: Nodes that were sent nothing for long, as of the last scores.
        self._quiet: deque[Candidate] = deque()

    def pick(self, call: Call) -> Candidate | None:
        now = self._seconds()
        if now >= self._due_at:
            self._score(now)
        if self._quiet and not call.tried:
            probes = self._probes
            if probes.credit < 1.0:
                probes.credit += self._options.max_probe_share
            else:
                due = self._next_quiet(now)
                if due is not None:
                    return due
        return self._draw.pick(call)

    def shares(self, call: Call) -> Shares:
        scores = combined(self._collectors, self._candidates, self._options.combine)
        draw = WeightedDraw(self._candidates, self._random, scores)
        return Shares(
            draw.shares(call).of,
            exact=False,
            note="scores as of now, without probes of nodes that were sent nothing for long",
            scores={} if scores is None else dict(zip(self._candidates, scores, strict=True)),
        )

    def began(self, candidate: Candidate) -> None:
        last = self._last.get(candidate)
        if last is not None:
            last.began_at = self._seconds()
        for each in self._learning:
            each.began(candidate)

    def record(self, candidate: Candidate, outcome: Outcome) -> None:
        for each in self._learning:
            each.record(candidate, outcome)

    def _score(self, now: float) -> None:
        """
        Compute the scores of all nodes, and find those that were sent nothing.
        """
        self._due_at = now + self._interval_s
        candidates = self._candidates
        factors = combined(self._collectors, candidates, self._options.combine)
        self._draw = WeightedDraw(candidates, self._random, factors)
        before = now - self._options.probe_after
        self._quiet = deque(
            one for one, last in self._last.items() if last.began_at <= before and one.weight
        )

    def _next_quiet(self, now: float) -> Candidate | None:
        """
        Return a node that is due for a probe, and count the probe; None if there is none.
        """
        before = now - self._options.probe_after
        while self._quiet:
            one = self._quiet.popleft()
            if not one.in_flight and self._last[one].began_at <= before:
                self._probes.credit -= 1.0
                return one
        return None
