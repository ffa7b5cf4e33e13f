"""
How often values fell where: the buckets that are exported, and the finer ones that are counted.

Theory of operation. Exporters get few buckets, because each one is a series at every backend.
A percentile of the last minute wants narrow ones, or it says no more than "between 10 and 25
ms". So values are counted in narrow buckets, each at most 1.21 times as wide as its lower
bound, and these are added up when somebody reads the wide ones. A call pays for one search
either way. Each bound of the wide buckets is one of the narrow buckets too, so the sums are
exact.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from attrs import define, field

__all__ = ["FINE_BOUNDS_S", "LATENCY_BUCKETS_S", "Exemplar", "Histogram", "percentile"]

#: Upper bounds in seconds of the exported buckets, a factor of about 2.5 apart.
LATENCY_BUCKETS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
)  # fmt: skip


def _subdivided(bounds: Sequence[float]) -> tuple[float, ...]:
    fine: list[float] = []
    for low, high in pairwise(bounds):
        steps = 5 if high / low > 2.2 else 4
        fine += (low * (high / low) ** (step / steps) for step in range(steps))
    return (*fine, bounds[-1])


#: Upper bounds in seconds of the buckets that are counted.
FINE_BOUNDS_S = _subdivided((0.00001, 0.000025, 0.00005, *LATENCY_BUCKETS_S, 25.0, 50.0, 100.0))
_EXPORTED = tuple(FINE_BOUNDS_S.index(bound) + 1 for bound in LATENCY_BUCKETS_S)


class Exemplar(NamedTuple):
    """
    One call of a bucket, by the trace that it is in.

    Each call that is recorded makes one, so it is what takes least to make.

    Args:
        trace_id: of the trace, 32 hexadecimal digits.
        span_id: of the span, 16 hexadecimal digits.
        value: what was observed.
        at: when, in seconds since 1970.
    """

    trace_id: str
    span_id: str
    value: float
    at: float


@define(eq=False)
class Histogram:
    """
    How often a value fell under each of `FINE_BOUNDS_S`; the last count is above all of them.
    """

    counts: list[int] = field(factory=lambda: [0] * (len(FINE_BOUNDS_S) + 1))
    total: float = 0
    #: The last exemplar of each exported bucket, by its place. Made for the first one.
    exemplars: dict[int, Exemplar] | None = None

    def observe(self, value: float) -> None:
        self.counts[bisect_left(FINE_BOUNDS_S, value)] += 1
        self.total += value

    def exported(self) -> list[int]:
        """
        Return how often a value fell under each of `LATENCY_BUCKETS_S`, and above all of them.
        """
        counts = tuple(self.counts)
        starts = (0, *_EXPORTED)
        return [sum(counts[low:high]) for low, high in zip(starts, (*_EXPORTED, None), strict=True)]

    def keep(self, exemplar: Exemplar) -> None:
        """
        Keep an exemplar of a value that was observed, in the place of the bucket's last one.
        """
        if self.exemplars is None:
            self.exemplars = {}
        self.exemplars[bisect_left(LATENCY_BUCKETS_S, exemplar.value)] = exemplar


def percentile(counts: Sequence[int], share: float) -> float | None:
    """
    Estimate the value below which a share of the counted values lies; None if there are none.

    It is at most 21 % too high or too low between 10 µs and 100 s, the width of one bucket.
    What is above all bounds counts as the last of them.

    Args:
        counts: as those of a histogram.
        share: 0.99 for the 99th percentile.
    """
    rank = share * sum(counts)
    below = 0
    for index, count in enumerate(counts):
        if count and below + count >= rank:
            if index >= len(FINE_BOUNDS_S):
                break
            low = FINE_BOUNDS_S[index - 1] if index else 0.0
            return low + (FINE_BOUNDS_S[index] - low) * max(rank - below, 0.0) / count
        below += count
    return FINE_BOUNDS_S[-1] if below or any(counts) else None
