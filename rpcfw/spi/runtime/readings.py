"""
What the metrics of a process are at one moment, for exporters.

It is read in the reactor's thread, which changes the numbers. What is returned changes no more,
so an exporter may format and send it in another thread.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw.spi.runtime.histogram import Histogram
from rpcfw.spi.runtime.metrics import Counter, Gauge, Meter

__all__ = ["Reading", "read"]


@frozen(eq=False)
class Reading:
    """
    One metric.

    Args:
        kind: ``Counter``, ``Gauge`` or ``Histogram``.
        name: of the metric; so are the next two.
        meaning: one line.
        labels: their names.
        values: of each series, its label values and its number.
        histograms: likewise, of a histogram.
    """

    kind: type[Counter | Gauge | Histogram]
    name: str
    meaning: str
    labels: tuple[str, ...]
    values: tuple[tuple[tuple[str, ...], float], ...] = ()
    histograms: tuple[tuple[tuple[str, ...], Histogram], ...] = ()

    @property
    def unit(self) -> str:
        """
        The unit that the name ends with; empty if what is counted has none.
        """
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in ("seconds", "bytes") else ""


def read(meter: Meter) -> tuple[Reading, ...]:
    """
    Return each metric of a process as it is now, sorted by name. Call it in the reactor's thread.
    """
    found: list[Reading] = []
    for family in (*meter, *meter.observed):
        values: list[tuple[tuple[str, ...], float]] = []
        histograms: list[tuple[tuple[str, ...], Histogram]] = []
        for labels, member in family:
            if isinstance(member, Histogram):
                histograms.append((labels, _copy(member)))
            else:
                values.append((labels, member.value))
        about = (family.kind, family.name, family.meaning, family.labels)
        found.append(Reading(*about, tuple(values), tuple(histograms)))
    return tuple(sorted(found, key=lambda reading: reading.name))


def _copy(histogram: Histogram) -> Histogram:
    kept = histogram.exemplars
    return Histogram(list(histogram.counts), histogram.total, None if kept is None else dict(kept))
