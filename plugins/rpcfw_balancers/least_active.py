"""
Least active: the node with the fewest attempts in flight, in proportion to its weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Balancer, Candidate, Picker, Shares
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.call import Call
from rpcfw_balancers.weighted_draw import WeightedDraw, shares_by_weight

__all__ = ["LeastActive"]

#: More than gRPC takes (A48), and still a few microseconds for a pick.
_MAX_CHOICES = 64


@options
class LeastActiveOptions:
    """
    What the INI may say.
    """

    choices: int = option(
        "10", "number of nodes that are compared; in larger sets they are drawn at random"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what leaves no choice, or costs too much.
        """
        if not 2 <= self.choices <= _MAX_CHOICES:
            yield "choices", f"must be from 2 to {_MAX_CHOICES}, not {self.choices}"


class LeastActive(Balancer):
    """
    Needs no memory: what is in flight is known of each node.

    All nodes are compared if there are at most ``choices``. To compare thousands for each
    attempt would cost too much, and would send all clients to the same node; so of more
    nodes, ``choices`` are drawn by weight. Among equals, the weights decide at random.
    """

    Options: ClassVar[type] = LeastActiveOptions
    options: LeastActiveOptions

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        return _Fewest(candidates, self.options.choices, self.plugin_context)


class _Fewest(Picker):
    def __init__(
        self, candidates: Sequence[Candidate], choices: int, plugin_context: PluginContext
    ) -> None:
        self._random = plugin_context.random.random
        self._draw = WeightedDraw(candidates, plugin_context.random)
        self._choices = choices

    def pick(self, call: Call) -> Candidate | None:
        tried, alive = call.tried, self._draw.alive
        if len(alive) > self._choices:
            return self._of_drawn(tried)
        untried = [one for one in alive if one not in tried] if tried else alive
        return self._of_all(untried) if untried else self._draw.untried(tried)

    def shares(self, call: Call) -> Shares:
        alive = self._draw.alive
        if not alive:
            return self._draw.shares(call)
        active = {one: one.in_flight / one.weight for one in alive}
        draws = self._choices if len(alive) > self._choices else None
        note = "of the next call: it depends on what is in flight"
        return Shares(_shares_of_least(active, draws), note=note, scores=active)

    def _of_all(self, candidates: Sequence[Candidate]) -> Candidate:
        """
        Return the least active one. Equals are drawn by weight, in one pass.
        """
        best, lowest, total = candidates[0], -1.0, 0
        for one in candidates:
            weight = one.weight or 1
            active = one.in_flight / weight
            if active < lowest or lowest < 0:
                best, lowest, total = one, active, weight
            elif active == lowest:
                total += weight
                if self._random() * total < weight:
                    best = one
        return best

    def _of_drawn(self, tried: tuple[object, ...]) -> Candidate | None:
        """
        Return the least active of some that are drawn by weight; the first among equals.
        """
        best = self._draw.untried(tried)
        if best is None or not best.weight:
            return best
        lowest = best.in_flight / best.weight
        for _ in range(self._choices - 1):
            if not lowest:
                break
            one = self._draw.untried(tried)
            if one is not None and one.weight and one.in_flight / one.weight < lowest:
                best, lowest = one, one.in_flight / one.weight
        return best


def _shares_of_least(
    active: Mapping[Candidate, float], draws: int | None
) -> dict[Candidate, float]:
    """
    Return the shares of candidates, of which the least active gets the call.

    All of some draws by weight hit nodes that are at least as active as x with the
    probability ``(weight of those nodes / weight of all) ** draws``. Equals share by weight.

    Args:
        active: of each candidate.
        draws: None if all of them are compared.
    """
    by_active: dict[float, list[Candidate]] = {}
    for one, value in active.items():
        by_active.setdefault(value, []).append(one)
    if draws is None:
        return shares_by_weight(by_active[min(by_active)])
    shares: dict[Candidate, float] = {}
    total = left = sum(one.weight for one in active)
    for value in sorted(by_active):
        equals = by_active[value]
        after = left - sum(one.weight for one in equals)
        part = (left / total) ** draws - (after / total) ** draws
        shares.update((one, part * share) for one, share in shares_by_weight(equals).items())
        left = after
    return shares
