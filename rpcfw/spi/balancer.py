"""
Balancers: which of the candidates gets the next attempt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from rpcfw.spi.plugin import Plugin
from rpcfw.values.call import Call
from rpcfw.values.instance import Instance
from rpcfw.values.load_report import LoadReport
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.outcome import Outcome

__all__ = ["Balancer", "Candidate", "Picker", "Shares"]


class Candidate(Protocol):
    """
    A live node, as routers and balancers see it. Compared by identity.

    It is the same object as long as the instance is in the set. So what is learned of it may
    be kept in a `weakref.WeakKeyDictionary`.

    Attributes:
        instance: what the registry says of it.
        weight: its share of calls right now, 0 or more.
        in_flight: attempts on it that have not ended.
        reachable: False if the last try to connect to it has failed. Routers and pickers
            are called again when that changes.
        health: healthy, sub-healthy or dead, as its connections, heartbeats and calls show.
            They are called again when that changes, too.
        load: what its server said last about its load, if the balancer has a
            `Balancer.report_interval_s`.
    """

    @property
    def instance(self) -> Instance: ...

    @property
    def weight(self) -> int: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def reachable(self) -> bool: ...

    @property
    def health(self) -> NodeHealth: ...

    @property
    def load(self) -> LoadReport | None: ...


@frozen(eq=False)
class Shares:
    """
    How a picker spreads calls like one that was given, as things are now.

    Args:
        of: the share of each candidate, from 0 to 1; who is not in it gets none.
        exact: whether these are the probabilities of a pick, or its shares in the long run.
            Otherwise they are an estimate.
        note: what else they depend on, in a line.
        scores: what the picker compares, if it has a number for each candidate.
    """

    of: Mapping[Candidate, float]
    exact: bool = True
    note: str = ""
    scores: Mapping[Candidate, float] = field(factory=dict)


class Picker(ABC):
    """
    Picks from one fixed list of candidates.

    A new list, or a changed weight, gets a new picker; so a picker may prepare
    whatever makes `pick` fast.
    """

    #: Whether `began` and `record` are to be called. Most pickers have them skipped.
    learns: bool = False

    @abstractmethod
    def pick(self, call: Call) -> Candidate | None:
        """
        Return one candidate that is not in ``call.tried``, or None if all are.

        Never waits, never raises. Candidates of weight 0 are picked only when no
        other is left.
        """

    def began(self, candidate: Candidate) -> None:  # noqa: B027
        """
        Learn that an attempt begins. `record` follows once for each.

        Of a stream it is called when the response begins or fails, and `record` right after
        it: how long a stream lasts says nothing of its node. Attempts whose clients stream,
        and one-way calls, are not reported. All of them count in `Candidate.in_flight`.

        A pick is not always followed by an attempt: it may be asked for to be explained.
        And a call that has tried all candidates may go to one that is not in the list. So
        this and `record` take any candidate.
        """

    def record(self, candidate: Candidate, outcome: Outcome) -> None:  # noqa: B027
        """
        Learn how an attempt ended, also one that began before the picker was replaced.
        """

    def shares(self, call: Call) -> Shares | None:
        """
        Return how calls like this one are spread, for ``rpcfw explain``; None: unknown.

        It is for the first attempt of a call. Must change nothing that is picked later.
        """
        return None


class Balancer(Plugin):
    """
    A way to spread calls. May keep what it learned from picker to picker.
    """

    @property
    def report_interval_s(self) -> float:
        """
        How often servers are asked for a load report, if the wire can; 0 for never.
        """
        return 0.0

    @abstractmethod
    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        """
        Return a picker for these candidates: at least one, none twice.
        """

    def preview(self, candidates: Sequence[Candidate]) -> Picker:
        """
        Return a picker that is only asked for its `Picker.shares`.

        For balancers that note which pickers they have made; others need not override it.
        """
        return self.picker(candidates)
