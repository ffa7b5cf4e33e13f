"""
P2C: two nodes are drawn, and the one with the lower load gets the attempt.

Theory of operation. The load of a node is ``cost x (1 + attempts in flight)``, with the
cost of `rpcfw_balancers.peak_ewma`. Two draws instead of a search for the lowest load cost
O(log n), and keep a thousand clients from rushing at the same node. Weights decide how
often a node is drawn, and how much an attempt in flight weighs.

A node that always loses is never measured again. So the loser gets the attempt if nothing
was sent to it for a while and nothing is in flight on it. Such probes are a small share of
all attempts. The outcome of a probe replaces the latency that was known, so that a node that
has recovered is used again at once; after failures it takes some probes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar
from weakref import WeakKeyDictionary

from rpcfw.spi.balancer import Balancer, Candidate, Picker, Shares
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome
from rpcfw.values.units import Seconds, Share
from rpcfw_balancers.peak_ewma import PeakEWMA
from rpcfw_balancers.two_choices import shares_of_two
from rpcfw_balancers.weighted_draw import WeightedDraw

__all__ = ["P2C"]

#: The usual end of an attempt, without a look-up in the enum.
_OK = Status.OK
#: Of a node of which nothing is known while its first attempt is under way: more than any
#: other has, so that it gets one attempt at a time until it is known.
_UNKNOWN_BUSY = 1e9
#: Below the shortest latency: a node that answers in no time still has a load that grows.
_MIN_COST_S = 1e-6


@options
class P2COptions:
    """
    What the INI may say.
    """

    decay: Seconds = option(
        "10s", "time constant of the averages: after it, a measurement counts 37 %"
    )
    failure_latency: Seconds = option(
        "3s", "latency that a failed attempt counts as; business errors are no failures"
    )
    probe_after: Seconds = option(
        "1s", "a node that lost every comparison for this long gets one attempt"
    )
    max_probe_share: Share = option("2%", "maximum share of attempts that are such probes")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what averages cannot be made with.
        """
        if self.decay <= 0:
            yield "decay", f"must be above 0s, not {self.decay:g}s"


class _Credit:
    """
    What all pickers of a balancer may still spend on probes.
    """

    __slots__ = ("probes",)

    def __init__(self) -> None:
        self.probes = 0.0


class P2C(Balancer):
    """
    Cuts the share of nodes that are slow, fail, or have much to do.
    """

    Options: ClassVar[type] = P2COptions
    options: P2COptions

    def __init__(self, options: P2COptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._measured: WeakKeyDictionary[Candidate, PeakEWMA] = WeakKeyDictionary()
        self._credit = _Credit()

    def take_over(self, before: P2C) -> None:
        """
        Share the measurements: attempts that ``before`` picked still end.
        """
        self._measured, self._credit = before._measured, before._credit

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        context = self.plugin_context
        return _TwoChoices(candidates, self._measured, self._credit, self.options, context)


class _TwoChoices(Picker):
    learns = True

    def __init__(
        self,
        candidates: Sequence[Candidate],
        measured: WeakKeyDictionary[Candidate, PeakEWMA],
        credit: _Credit,
        options: P2COptions,
        plugin_context: PluginContext,
    ) -> None:
        self._draw = WeightedDraw(candidates, plugin_context.random)
        self._mean_weight = self._draw.mean_weight
        self._measured = measured
        # Made here, so that a pick is a read.
        self._of = {one: measured.setdefault(one, PeakEWMA()) for one in candidates}
        self._several = len(self._draw.alive) > 1
        self._options = options
        self._decay_s, self._failure_s = options.decay, options.failure_latency
        self._seconds = plugin_context.clock.seconds
        self._credit = credit

    def pick(self, call: Call) -> Candidate | None:
        tried = call.tried
        if self._several and not tried:
            first, second = self._draw.two()
            return self._better(first, second)
        one = self._draw.untried(tried)
        if one is None or one.weight == 0:
            return one
        other = self._draw.untried((*tried, one))
        return one if other is None or other.weight == 0 else self._better(one, other)

    def shares(self, call: Call) -> Shares:
        alive, now = self._draw.alive, self._seconds()
        if len(alive) < 2:
            return self._draw.shares(call)
        loads = {one: self._load(one, now) for one in alive}
        return Shares(
            shares_of_two(loads),
            exact=False,
            note="of the next call, without probes of nodes that lost every comparison",
            scores=loads,
        )

    def began(self, candidate: Candidate) -> None:
        state = self._of.get(candidate)
        if state is not None:
            state.began_at = self._seconds()

    def record(self, candidate: Candidate, outcome: Outcome) -> None:
        # The connection says what a node is worth to which nothing could be sent.
        if outcome.status is not _OK and outcome.hints & Hint.NEVER_SENT:
            return
        state = self._of.get(candidate)
        if state is None:
            state = self._measured.setdefault(candidate, PeakEWMA())
        state.add(outcome, self._seconds(), self._decay_s)

    def _better(self, first: Candidate, second: Candidate) -> Candidate:
        now = self._seconds()
        winner, loser = first, second
        if self._load(second, now) < self._load(first, now):
            winner, loser = second, first
        credit = self._credit
        if credit.probes < 1.0:
            credit.probes += self._options.max_probe_share
            return winner
        return loser if self._is_due(loser, now) else winner

    def _load(self, candidate: Candidate, now: float) -> float:
        state = self._of[candidate]
        busy = candidate.in_flight * self._mean_weight / (candidate.weight or 1)
        if state.measured_at < 0:
            return _UNKNOWN_BUSY + busy if busy else 0.0
        return (state.cost_s(now, self._decay_s, self._failure_s) + _MIN_COST_S) * (1 + busy)

    def _is_due(self, loser: Candidate, now: float) -> bool:
        """
        Tell whether a loser gets the attempt as a probe, and note that it does.
        """
        state = self._of[loser]
        if loser.in_flight or now - state.began_at < self._options.probe_after:
            return False
        self._credit.probes -= 1.0
        state.probed = True
        return True
