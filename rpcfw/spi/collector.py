"""
Collectors: each knows one kind of fact about nodes, and turns it into scores.

A balancer that has an option ``collectors`` gets those that it names, each with the options of
its section ``[collector NAME]``, as the third argument of its constructor. It weighs the scores
of all of them, and tells them what happens to attempts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import Plugin
from rpcfw.values.outcome import Outcome

__all__ = ["Collector", "CollectorOptions"]

#: A higher weight makes all scores but the best one vanish.
_MAX_WEIGHT = 100.0


@options
class CollectorOptions:
    """
    The options that all collectors have.
    """

    weight: float = option("1", "how much its scores count beside those of others; 0: not at all")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no collector could be made of.
        """
        if not 0 <= self.weight <= _MAX_WEIGHT:
            yield "weight", f"must be 0 to {_MAX_WEIGHT:g}, not {self.weight:g}"


class Collector(Plugin):
    """
    A way to tell how good nodes are.

    What it learns of a node belongs in a `weakref.WeakKeyDictionary`, since nodes come and go.
    """

    Options: ClassVar[type] = CollectorOptions
    options: CollectorOptions

    #: Whether `began` and `record` are to be called. For most collectors they are skipped.
    learns: ClassVar[bool] = False

    @property
    def report_interval_s(self) -> float:
        """
        How often it needs `Candidate.load` anew; 0 for never. The balancer sees to that.
        """
        return 0.0

    @abstractmethod
    def scores(self, candidates: Sequence[Candidate]) -> Sequence[float | None]:
        """
        Return the score of each candidate, in their order: 0 is the worst and 1 the best.

        None is for a node of which nothing is known. It counts as the mean of the others.
        Called a few times a second at most, however many calls there are. Never raises.
        """

    def began(self, candidate: Candidate) -> None:
        """
        Learn that an attempt begins. `record` follows once for each.
        """

    def record(self, candidate: Candidate, outcome: Outcome) -> None:
        """
        Learn how an attempt ended.
        """
