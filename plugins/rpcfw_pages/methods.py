"""
The methods of a process, at either side: their sums since the start, and their last minute.

A process may have more methods than a page shows. Each side has half of the rows then, and the
other one more if it needs less: so a process that calls thousands of methods shows what it serves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from rpcfw.spi.page_content import Table
from rpcfw.spi.runtime.histogram import Histogram, percentile
from rpcfw.spi.runtime.metrics import Counter, Gauge, Meter
from rpcfw.values.method_rates import MethodRates
from rpcfw_pages.rows import MAX_ROWS, table

__all__ = ["last_minute_table", "methods_table"]

_SERVER, _CLIENT = "server", "client"


class _LastMinute(NamedTuple):
    """
    A row: how often a method was called in the last minute, and how long that took.
    """

    side: str
    service: str
    method: str
    calls_per_s: float
    errors_per_s: float
    in_flight: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None


class _Method(NamedTuple):
    """
    A row: what a method did since the start.
    """

    side: str
    service: str
    method: str
    ended: int
    failed: int
    in_flight: int
    mean_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None


class _OfSide(Protocol):
    @property
    def side(self) -> str: ...


R = TypeVar("R", bound=_OfSide)


def last_minute_table(rates: Sequence[MethodRates]) -> Table:
    """
    Return the last minute of each method that was called lately, the busiest first.
    """
    rows = [
        _LastMinute(
            each.side,
            each.service,
            each.method,
            round(each.calls_per_s, 2),
            round(each.errors_per_s, 2),
            each.in_flight,
            *map(_ms, (each.p50_s, each.p90_s, each.p99_s)),
        )
        for each in _shares(rates)
    ]
    return table("last_minute", _LastMinute._fields, rows, len(rates))


def methods_table(meter: Meter) -> Table:
    """
    Return each method that was called: what is served, then what is called, by their names.

    Of too many methods it returns those that were called most.
    """
    rows = sorted(_methods(meter), key=lambda row: row.ended, reverse=True)
    shown = sorted(_shares(rows), key=lambda row: (row.side != _SERVER, row.service, row.method))
    return table("methods", _Method._fields, shown, len(rows))


def _shares(rows: Sequence[R]) -> list[R]:
    """
    Return the first rows of each side, in their order, as many as a table may have.
    """
    served = sum(row.side == _SERVER for row in rows)
    left = {_SERVER: max(MAX_ROWS // 2, MAX_ROWS - (len(rows) - served))}
    left[_CLIENT] = MAX_ROWS - min(served, left[_SERVER])
    shown = []
    for row in rows:
        if left[row.side]:
            left[row.side] -= 1
            shown.append(row)
    return shown


def _methods(meter: Meter) -> Iterator[_Method]:
    families = {family.name: family for family in meter}
    for side in (_SERVER, _CLIENT):
        ended, failed = dict[tuple[str, ...], int](), dict[tuple[str, ...], int]()
        for labels, member in families.get(f"rpcfw_{side}_calls_total") or ():
            if isinstance(member, Counter):
                method, count = labels[:2], int(member.value)
                ended[method] = ended.get(method, 0) + count
                if labels[2] != "OK":
                    failed[method] = failed.get(method, 0) + count
        open_now = {
            names: int(member.value)
            for names, member in families.get(f"rpcfw_{side}_calls_in_flight") or ()
            if isinstance(member, Gauge)
        }
        for names, member in families.get(f"rpcfw_{side}_call_seconds") or ():
            if isinstance(member, Histogram):
                counts = ended.get(names, 0), failed.get(names, 0), open_now.get(names, 0)
                service, method_name = names
                yield _Method(side, service, method_name, *counts, *_times(member))


def _times(histogram: Histogram) -> Iterator[float | None]:
    """
    Yield the mean and percentiles, in milliseconds.
    """
    counts = tuple(histogram.counts)
    count = sum(counts)
    yield _ms(histogram.total / count if count else None)
    for share in (0.5, 0.9, 0.99):
        yield _ms(percentile(counts, share))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
