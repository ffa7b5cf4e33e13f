"""
Smooth weighted round robin: all in turn, those with more weight more often, without bursts.

Theory of operation. The usual algorithm gives each candidate a credit; a pick adds
its weight to each, takes the one with the most, and takes the total weight off it.
That costs a step for each candidate on every call, and there may be thousands. But there
are few different weights. So here the algorithm runs over the *groups* of candidates with
the same weight, and inside a group they are picked in turn. The shares are exactly the
same, and a pick costs one step for each different weight. Usually there is only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rpcfw.spi.balancer import Balancer, Candidate, Picker, Shares
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.values.call import Call
from rpcfw_balancers.weighted_draw import shares_by_weight

__all__ = ["RoundRobin"]

#: If the next candidate was tried already, the following ones are asked, this many times.
#: Then the rest is searched.
_REDRAWS = 4


class RoundRobin(Balancer):
    """
    Picks the nodes in turn, each as often as its weight says; each service has its own turn.

    It keeps its place when candidates come, go or change their weight. It begins at a random
    place, so that a thousand clients that start together do not all call the same instance first.
    """

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._turns: dict[str, _Turns] = {}

    def take_over(self, before: RoundRobin) -> None:
        """
        Go on at the places where ``before`` is now.
        """
        self._turns = dict(before._turns)

    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        turns = self._turns[candidates[0].instance.service] = self.preview(candidates)
        return turns

    def preview(self, candidates: Sequence[Candidate]) -> _Turns:
        before = self._turns.get(candidates[0].instance.service)
        return _Turns(candidates, before, self.plugin_context.random)


class _Group:
    """
    The candidates of one weight, and whose turn it is.

    Args:
        gain: the weight of all of them together.
    """

    __slots__ = ("credit", "gain", "members", "place")

    def __init__(self, members: list[Candidate]) -> None:
        self.members = members
        self.place = 0
        self.gain = members[0].weight * len(members)
        self.credit = 0.0

    def take(self) -> Candidate:
        place = self.place
        candidate = self.members[place]
        place += 1
        self.place = place if place < len(self.members) else 0
        return candidate

    def from_here(self) -> list[Candidate]:
        """
        Return the members in the order of their turns.
        """
        return self.members[self.place :] + self.members[: self.place]


class _Turns(Picker):
    def __init__(
        self, candidates: Sequence[Candidate], before: _Turns | None, random: RandomSource
    ) -> None:
        by_weight: dict[int, list[Candidate]] = {}
        for candidate in _in_order(candidates, before, random):
            by_weight.setdefault(candidate.weight, []).append(candidate)
        self._drained = _Group(by_weight.pop(0)) if 0 in by_weight else None
        # Heavy ones first: they win ties, which keeps the order smooth.
        self._groups = [_Group(by_weight[weight]) for weight in sorted(by_weight, reverse=True)]
        self._total = sum(group.gain for group in self._groups)
        self._only = self._groups[0] if len(self._groups) == 1 else None
        if before is not None:
            self._carry_credit(before)

    def pick(self, call: Call) -> Candidate | None:
        tried = call.tried
        if self._groups:
            for _ in range(_REDRAWS):
                candidate = self._only.take() if self._only is not None else self._next()
                if candidate not in tried:
                    return candidate
        return self._first_untried(tried)

    def shares(self, call: Call) -> Shares:
        if not self._groups:  # the first that is drained takes all
            return Shares(dict.fromkeys(self.in_order()[:1], 1.0))
        alive = [one for group in self._groups for one in group.members]
        return Shares(shares_by_weight(alive), note="of a whole round: the nodes take turns")

    def _next(self) -> Candidate:
        best = self._groups[0]
        for group in self._groups:
            group.credit += group.gain
            if group.credit > best.credit:
                best = group
        best.credit -= self._total
        return best.take()

    def _first_untried(self, tried: tuple[object, ...]) -> Candidate | None:
        for candidate in self.in_order():
            if candidate not in tried:
                return candidate
        return None

    def in_order(self) -> list[Candidate]:
        """
        Return all candidates, group by group in the order of their turns, drained last.
        """
        groups = [*self._groups, *filter(None, [self._drained])]
        return [candidate for group in groups for candidate in group.from_here()]

    def _carry_credit(self, before: _Turns) -> None:
        """
        Take over the credit of each weight, in proportion to the totals.

        Else a set that changes often would begin with the heavy ones each time.
        """
        credit = {group.members[0].weight: group.credit for group in before._groups}
        for group in self._groups:
            share = credit.get(group.members[0].weight, 0.0) / (before._total or 1)
            group.credit = share * self._total


def _in_order(
    candidates: Sequence[Candidate], before: _Turns | None, random: RandomSource
) -> list[Candidate]:
    """
    Return the candidates in the order of their turns.

    Those whom the picker before knew come as it left them, then the new ones from a
    random place.
    """
    known = before.in_order() if before is not None else []
    ranks = {one.instance.id: rank for rank, one in enumerate(known)}
    stayed = [one for one in candidates if one.instance.id in ranks]
    stayed.sort(key=lambda one: ranks[one.instance.id])
    fresh = [one for one in candidates if one.instance.id not in ranks]
    start = random.randrange(len(fresh)) if fresh else 0
    return [*stayed, *fresh[start:], *fresh[:start]]
