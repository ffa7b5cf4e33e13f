"""
How long attempts on a node take: their mean and percentiles, against those of other nodes.

Theory of operation. The *cost* of a node is an average of the mean, the 99th and the 99.9th
percentile of its latencies, over a sliding window. The nodes are compared with the quarter of
them that is fastest::

    score = min(1, cost of the node at the lower quartile / cost of the node)

So equal nodes have equal scores, a node that takes ten times as long has a tenth, and one that
is much faster than most does not attract all calls.

A node that becomes slow, or stops answering, is seen before any attempt on it ends: its cost
is at least the time for which attempts in flight have waited that began after all those which
it has answered. If nothing is measured any more, because the node gets no calls, what was
measured last stays until an attempt shows something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar
from weakref import WeakKeyDictionary

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.collector import Collector, CollectorOptions
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.status import Hint, Status
from rpcfw.values.latency_window import LatencyWindow
from rpcfw.values.outcome import Outcome
from rpcfw.values.units import Seconds

__all__ = ["Latency", "LatencyOptions"]

#: Below any latency of a network.
_MIN_COST_S = 1e-5
#: Times of the same attempt, taken in two places, differ by less.
_SLACK_S = 1e-3
#: Read for each attempt; as globals they cost half.
_OK, _CANCELLED = Status.OK, Status.CANCELLED
#: With these a node may have said nothing.
_NO_ANSWERS = (_CANCELLED, Status.DEADLINE_EXCEEDED, Status.UNAVAILABLE)


@options
class LatencyOptions(CollectorOptions):
    """
    What the INI may say.
    """

    window: Seconds = option("5s", "measurements that are older are forgotten")
    mean: float = option("1", "weight of the mean latency")
    p99: float = option("0.1", "weight of the latency that 99 % of the attempts do not exceed")
    p999: float = option("0", "the same for 99.9 %")
    failure_latency: Seconds = option(
        "1s", "latency that a failed attempt counts as, at least; business errors are no failures"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no average can be made of.
        """
        yield from super().problems()
        if self.window <= 0:
            yield "window", f"must be above 0s, not {self.window:g}s"
        for name in ("mean", "p99", "p999"):
            if getattr(self, name) < 0:
                yield name, f"must be at least 0, not {getattr(self, name):g}"
        if self.mean + self.p99 + self.p999 <= 0:
            yield "mean", "one of mean, p99 and p999 must be above 0"


class Latency(Collector):
    """
    Scores nodes by the mean, p99 and p99.9 of the latency of attempts.
    """

    Options: ClassVar[type] = LatencyOptions
    options: LatencyOptions
    learns = True

    def __init__(self, options: LatencyOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        clock, pauses = plugin_context.clock, plugin_context.pauses
        # While this process was paused, it read no answers.
        self._seconds: Callable[[], float] = lambda: clock.seconds() - pauses.lost_s()
        self._measured: WeakKeyDictionary[Candidate, _OfNode] = WeakKeyDictionary()

    def take_over(self, before: Latency) -> None:
        """
        Share the measurements: attempts that began before still end.
        """
        self._measured = before._measured

    def began(self, candidate: Candidate) -> None:
        self._of(candidate).began(self._seconds())

    def record(self, candidate: Candidate, outcome: Outcome) -> None:
        self._of(candidate).ended(outcome, self._seconds(), self.options)

    def scores(self, candidates: Sequence[Candidate]) -> Sequence[float | None]:
        now, options, measured = self._seconds(), self.options, self._measured
        states = [measured.get(one) for one in candidates]
        costs = [0.0 if state is None else state.cost_s(now, options) for state in states]
        known = sorted(filter(None, costs))
        if not known:
            return [None] * len(costs)
        reference = known[(len(known) - 1) // 4]
        return [min(1.0, reference / cost) if cost else None for cost in costs]

    def _of(self, candidate: Candidate) -> _OfNode:
        state = self._measured.get(candidate)
        if state is None:
            state = self._measured[candidate] = _OfNode(self._seconds())
        return state


class _OfNode:
    """
    What is known of one node.
    """

    __slots__ = ("_answered_to", "_began_at", "_changed", "_cost_s", "_in_flight", "_window")

    def __init__(self, now: float) -> None:
        self._window = LatencyWindow(now)
        self._in_flight = 0
        #: When the last attempt began, and when the last of those that were answered did.
        self._began_at = self._answered_to = now
        #: As measured last; 0 if nothing was.
        self._cost_s = 0.0
        self._changed = False

    def began(self, now: float) -> None:
        if not self._in_flight:
            self._answered_to = now - _SLACK_S
        self._in_flight += 1
        self._began_at = now

    def ended(self, outcome: Outcome, now: float, options: LatencyOptions) -> None:
        if self._in_flight:
            self._in_flight -= 1
        took_s, status = outcome.took_s, outcome.status
        if status is not _OK:
            if outcome.hints & Hint.NEVER_SENT:
                return
            if outcome.node_failed:
                took_s = max(took_s, options.failure_latency)
            elif status is _CANCELLED and took_s <= self._usual_s(options):
                return  # its time is only a lower bound of the latency
        if status not in _NO_ANSWERS and now - took_s > self._answered_to:
            self._answered_to = now - took_s
        self._window.add(took_s, now, options.window)
        self._changed = True

    def cost_s(self, now: float, options: LatencyOptions) -> float:
        """
        Return what an attempt costs; 0 if that is not known.
        """
        if self._changed:
            self._changed = False
            self._cost_s = self._measure(options)
        if not self._in_flight or self._began_at - self._answered_to < _SLACK_S:
            return self._cost_s
        waiting_s = now - self._answered_to
        if not self._cost_s and waiting_s < options.failure_latency:
            return 0.0  # it is new, and has had little time to answer
        return max(self._cost_s, waiting_s)

    def _usual_s(self, options: LatencyOptions) -> float:
        """
        Return how long an attempt takes, as far as that is known.
        """
        return self._window.mean_s if self._window.count else options.failure_latency

    def _measure(self, options: LatencyOptions) -> float:
        window = self._window
        cost_s = options.mean * window.mean_s
        # Percentiles cost more to find than the mean.
        if options.p99:
            cost_s += options.p99 * window.percentile_s(0.99)
        if options.p999:
            cost_s += options.p999 * window.percentile_s(0.999)
        return max(cost_s / (options.mean + options.p99 + options.p999), _MIN_COST_S)
