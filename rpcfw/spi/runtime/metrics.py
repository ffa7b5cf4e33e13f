"""
What is counted. Exporters read it.

A counter is an object with a number in it and counting is an addition, because
it happens on every call. Nothing here formats, sends or aggregates.

Theory of operation. Label values can come from others: a service name from a registry, a
method name that a program passes on. So each family has a limit of members. What comes beyond
it is counted together, in one member whose labels all say ``other``, and the log says so once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from attrs import define

from rpcfw.printable import printable
from rpcfw.spi.runtime.histogram import LATENCY_BUCKETS_S, Histogram

__all__ = [
    "LATENCY_BUCKETS_S",
    "MAX_SERIES",
    "OTHER",
    "Counter",
    "Family",
    "Gauge",
    "Histogram",
    "Meter",
    "Observed",
]

#: Members of one family, unless the process is configured otherwise.
MAX_SERIES = 2000
#: The label value of what exceeds the limit.
OTHER = "other"
#: A longer label value is cut.
_MAX_LABEL_CHARS = 200


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


#: Called with the name of a family and its limit.
WhenFull = Callable[[str, int], None]

M = TypeVar("M", Counter, Gauge, Histogram)
V = TypeVar("V", Counter, Gauge)


class Family(Generic[M]):
    """
    One name with its members by label values.

    Args:
        kind: the class of the members.
        name: snake_case, with the unit last, as ``rpcfw_client_call_seconds``.
        meaning: one line.
        labels: names of the labels. Values should come from a bounded set.
        max_series: further members are counted together.
    """

    def __init__(
        self,
        kind: type[M],
        name: str,
        meaning: str,
        labels: tuple[str, ...],
        max_series: int = MAX_SERIES,
    ) -> None:
        self.kind: type[M] = kind
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self.max_series = max_series
        #: There are more, and that was reported.
        self.is_full = False
        #: Reports it.
        self.when_full: WhenFull = _ignore
        self._members: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        """
        Return the member with these label values; the same one each time.
        """
        member = self._members.get(values)
        return self._add(values) if member is None else member

    def counted_as(self, *values: str) -> tuple[str, ...]:
        """
        Return the label values of the member that `of` returns for these.

        Several families that have labels in common agree on them by this: they are those of one
        family in all, though some of the others have more members.
        """
        self.of(*values)
        shown = _shown(values)
        return shown if shown in self._members else (OTHER,) * len(values)

    def _add(self, values: tuple[str, ...]) -> M:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} takes the labels {self.labels}, got {values}")
        shown = _shown(values)
        if shown != values:
            return self.of(*shown)
        others = (OTHER,) * len(values)
        if len(self._members) >= self.max_series and values != others:
            self._say_full()
            return self.of(*others)
        member = self._members[values] = self.kind()
        return member

    def _say_full(self) -> None:
        if not self.is_full:
            self.is_full = True
            self.when_full(self.name, self.max_series)

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], M]]:
        return iter(tuple(self._members.items()))


def _shown(values: tuple[str, ...]) -> tuple[str, ...]:
    """
    Return label values as they are kept.
    """
    return tuple(printable(value)[:_MAX_LABEL_CHARS] for value in values)


Values = Iterable[tuple[tuple[str, ...], float]]


class Observed(Generic[V]):
    """
    One name whose values are looked up when somebody reads them: counting costs nothing.

    Args:
        kind: the class of the members.
        name: as of a `Family`; so are the others.
    """

    def __init__(
        self,
        kind: type[V],
        name: str,
        meaning: str,
        labels: tuple[str, ...],
        max_series: int = MAX_SERIES,
    ) -> None:
        self.kind: type[V] = kind
        self.name = name
        self.meaning = meaning
        self.labels = labels
        self.max_series = max_series
        self._is_full = False
        self.when_full: WhenFull = _ignore
        self._sources: dict[object, Callable[[], Values]] = {}

    def add(self, read: Callable[[], Values]) -> Callable[[], None]:
        """
        Add a source. Values with the same labels, of several sources, are added up.

        Args:
            read: returns label values with the number of each; it may not wait.

        Returns:
            What removes the source.
        """
        key = object()
        self._sources[key] = read

        def remove() -> None:
            self._sources.pop(key, None)

        return remove

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], V]]:
        members = Family(self.kind, self.name, self.meaning, self.labels, self.max_series)
        members.is_full, members.when_full = self._is_full, self.when_full
        for read in tuple(self._sources.values()):
            for values, number in read():
                members.of(*values).value += number
        self._is_full = members.is_full
        return iter(members)


class Meter:
    """
    Every family of one process.

    Args:
        max_series: members of one family; further ones are counted together.
        when_full: called once for each family that has more.
    """

    def __init__(self, max_series: int = MAX_SERIES, when_full: WhenFull | None = None) -> None:
        self.max_series = max_series
        self._when_full = when_full or _ignore
        self._families: dict[str, Family[Counter] | Family[Gauge] | Family[Histogram]] = {}
        self._observed: dict[str, Observed[Counter] | Observed[Gauge]] = {}

    def counter(self, name: str, meaning: str, *labels: str) -> Family[Counter]:
        return self._family(Counter, name, meaning, labels)

    def gauge(self, name: str, meaning: str, *labels: str) -> Family[Gauge]:
        return self._family(Gauge, name, meaning, labels)

    def histogram(self, name: str, meaning: str, *labels: str) -> Family[Histogram]:
        return self._family(Histogram, name, meaning, labels)

    def observed_counter(self, name: str, meaning: str, *labels: str) -> Observed[Counter]:
        return self._observe(Counter, name, meaning, labels)

    def observed_gauge(self, name: str, meaning: str, *labels: str) -> Observed[Gauge]:
        return self._observe(Gauge, name, meaning, labels)

    @property
    def observed(self) -> tuple[Observed[Counter] | Observed[Gauge], ...]:
        """
        The families whose values are looked up when they are iterated over.
        """
        return tuple(self._observed.values())

    def __iter__(self) -> Iterator[Family[Counter] | Family[Gauge] | Family[Histogram]]:
        return iter(tuple(self._families.values()))

    def _family(self, kind: type[M], name: str, meaning: str, labels: tuple[str, ...]) -> Family[M]:
        family = self._families.get(name)
        if family is None:
            family = Family(kind, name, meaning, labels, self.max_series)
            family.when_full = self._when_full
            self._families[name] = family
        self._check(family, kind, labels)
        return family  # type: ignore[return-value]  # of this kind, as was checked

    def _observe(
        self, kind: type[V], name: str, meaning: str, labels: tuple[str, ...]
    ) -> Observed[V]:
        family = self._observed.get(name)
        if family is None:
            family = Observed(kind, name, meaning, labels, self.max_series)
            family.when_full = self._when_full
            self._observed[name] = family
        self._check(family, kind, labels)
        return family  # type: ignore[return-value]  # likewise

    def _check(
        self,
        family: Family[Counter]
        | Family[Gauge]
        | Family[Histogram]
        | Observed[Counter]
        | Observed[Gauge],
        kind: type,
        labels: tuple[str, ...],
    ) -> None:
        name = family.name
        both = name in self._families and name in self._observed
        if family.kind is not kind or family.labels != labels or both:
            raise ValueError(f"metric {name} was declared before in another form")


def _ignore(name: str, max_series: int) -> None:
    """
    Nobody wants to know.
    """
