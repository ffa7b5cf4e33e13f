"""
What is counted. Exporters are plugins that read it.

A counter is an object with a number in it and counting is an addition, because
it happens on every call. Nothing here formats, sends or aggregates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Generic, TypeVar

from attrs import define, field

__all__ = ["LATENCY_BUCKETS_S", "Counter", "Family", "Gauge", "Histogram", "Meter"]

#: Upper bounds in seconds, a factor of about 2.5 apart.
LATENCY_BUCKETS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
)  # fmt: skip


@define(eq=False)
class Counter:
    """
    A number that only grows.
    """

    value: float = 0


@define(eq=False)
class Gauge:
    """
    A number that goes up and down.
    """

    value: float = 0


@define(eq=False)
class Histogram:
    """
    How often a value fell under each bound; the last count is above all bounds.
    """

    counts: list[int] = field(factory=lambda: [0] * (len(LATENCY_BUCKETS_S) + 1))
    total: float = 0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(LATENCY_BUCKETS_S, value)] += 1
        self.total += value


M = TypeVar("M", Counter, Gauge, Histogram)


class Family(Generic[M]):
    """
    One name with its members by label values.

    Args:
        kind: the class of the members.
        name: snake_case, with the unit last, as ``rpcfw_client_call_seconds``.
        meaning: one line.
        labels: names of the labels. Values must come from a bounded set.
    """

    def __init__(self, kind: type[M], name: str, meaning: str, labels: tuple[str, ...]) -> None:
        self.kind: type[M] = kind
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self._members: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        """
        Return the member with these label values; the same one each time.
        """
        member = self._members.get(values)
        if member is None:
            if len(values) != len(self.labels):
                raise ValueError(f"{self.name} takes the labels {self.labels}, got {values}")
            member = self._members[values] = self.kind()
        return member

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], M]]:
        return iter(tuple(self._members.items()))


class Meter:
    """
    Every family of one process.
    """

    def __init__(self) -> None:
        self._families: dict[str, Family[Counter] | Family[Gauge] | Family[Histogram]] = {}

    def counter(self, name: str, meaning: str, *labels: str) -> Family[Counter]:
        return self._family(Counter, name, meaning, labels)

    def gauge(self, name: str, meaning: str, *labels: str) -> Family[Gauge]:
        return self._family(Gauge, name, meaning, labels)

    def histogram(self, name: str, meaning: str, *labels: str) -> Family[Histogram]:
        return self._family(Histogram, name, meaning, labels)

    def __iter__(self) -> Iterator[Family[Counter] | Family[Gauge] | Family[Histogram]]:
        return iter(tuple(self._families.values()))

    def _family(self, kind: type[M], name: str, meaning: str, labels: tuple[str, ...]) -> Family[M]:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = Family(kind, name, meaning, labels)
        if family.kind is not kind or family.labels != labels:
            raise ValueError(f"metric {name} was declared before in another form")
        return family
