"""
Balancers: which of the candidates gets the next attempt.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from rpcfw.spi.plugin import Plugin
from rpcfw.values.call import Call
from rpcfw.values.instance import Instance
from rpcfw.values.outcome import Outcome

__all__ = ["Balancer", "Candidate", "Picker"]


class Candidate(Protocol):
    """
    A live node, as routers and balancers see it. Compared by identity.

    Attributes:
        instance: what the registry says of it.
        weight: its share of calls right now, 0 or more.
        in_flight: attempts on it that have not ended.
        reachable: False if the last try to connect to it has failed. Routers and pickers
            are asked anew when that changes.
    """

    @property
    def instance(self) -> Instance: ...

    @property
    def weight(self) -> int: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def reachable(self) -> bool: ...


class Picker(ABC):
    """
    Picks from one fixed list of candidates.

    A new list, or a changed weight, gets a new picker; so a picker may prepare
    whatever makes `pick` fast.
    """

    #: Whether `record` is to be called. Checked once, so most calls skip it.
    learns: bool = False

    @abstractmethod
    def pick(self, call: Call) -> Candidate | None:
        """
        Return one candidate that is not in ``call.tried``, or None if all are.

        Never waits, never raises. Candidates of weight 0 are picked only when no
        other is left.
        """

    def record(self, candidate: Candidate, outcome: Outcome) -> None:  # noqa: B027
        """
        Learn how an attempt on a picked candidate ended.
        """


class Balancer(Plugin):
    """
    A way to spread calls. May keep what it learned from picker to picker.
    """

    @abstractmethod
    def picker(self, candidates: Sequence[Candidate]) -> Picker:
        """
        Return a picker for these candidates: at least one, none twice.
        """
