"""
Rates and percentiles of the last minute, without a backend.

Theory of operation. The counters of calls only grow. Every ten seconds this copies them; what
happened since a copy is the difference to it. A call pays nothing for this. Seven copies are
kept, so the oldest is 60 to 70 seconds old, which is what "the last minute" means here. A method
whose counters did not change has the same copy as before, so an idle one costs nothing either.

The percentiles are estimates from buckets, at most 21 % too high or too low: see
`rpcfw.spi.runtime.histogram.percentile`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from attrs import define, frozen

from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.histogram import percentile
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.values.method_rates import MethodRates

__all__ = ["LastMinute"]

_INTERVAL_S = 10.0
_COPIES = 7
_SIDES = ("server", "client")

#: Side, service, method.
_Key = tuple[str, str, str]


@frozen(eq=False)
class _Totals:
    """
    All calls of one method so far.
    """

    counts: tuple[int, ...]
    failed: float


_NONE = _Totals((), 0.0)


@define(eq=False)
class _Copy:
    at: float
    of: dict[_Key, _Totals]


class LastMinute:
    """
    Copies the counters of calls while it runs.

    Args:
        meter: has them.
        clock: time.
    """

    def __init__(self, meter: Meter, clock: Clock) -> None:
        self._meter = meter
        self._clock = clock
        self._copies: deque[_Copy] = deque(maxlen=_COPIES)
        self._timer: Any = None

    def start(self) -> None:
        """
        Copy from now on.
        """
        self._copies.append(self._copy())
        self._timer = self._clock.callLater(_INTERVAL_S, self.start)

    def stop(self) -> None:
        """
        Leave nothing with the clock.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def methods(self) -> tuple[MethodRates, ...]:
        """
        Return the methods that were called in the last minute or are being called, busiest first.

        Empty before `start`.
        """
        if not self._copies:
            return ()
        now, before = self._copy(), self._copies[0]
        # A moment after the start, a rate would be that of one call.
        elapsed_s = max(now.at - before.at, 1.0)
        in_flight = dict(self._in_flight())
        rates = [
            self._rates(key, totals, before.of.get(key, _NONE), elapsed_s, in_flight.get(key, 0))
            for key, totals in now.of.items()
        ]
        active = [one for one in rates if one.calls_per_s or one.in_flight]
        return tuple(sorted(active, key=lambda one: -one.calls_per_s))

    def _rates(
        self, key: _Key, now: _Totals, before: _Totals, elapsed_s: float, in_flight: int
    ) -> MethodRates:
        counts = now.counts
        if before.counts:
            counts = tuple(map(int.__sub__, counts, before.counts))
        return MethodRates(
            *key,
            sum(counts) / elapsed_s,
            (now.failed - before.failed) / elapsed_s,
            in_flight,
            *(percentile(counts, share) for share in (0.5, 0.9, 0.99)),
        )

    def _copy(self) -> _Copy:
        last = self._copies[-1].of if self._copies else {}
        failed = dict(self._failed())
        of: dict[_Key, _Totals] = {}
        for side in _SIDES:
            for (service, method), member in self._family(side, "call_seconds"):
                key = (side, service, method)
                totals, known = _Totals(tuple(member.counts), failed.get(key, 0.0)), last.get(key)
                same = known is not None and known.counts == totals.counts
                of[key] = known if known is not None and same else totals
        return _Copy(self._clock.seconds(), of)

    def _failed(self) -> Iterator[tuple[_Key, float]]:
        for side in _SIDES:
            sums: dict[tuple[str, str], float] = {}
            for (service, method, status), member in self._family(side, "calls_total"):
                if status != "OK":
                    sums[service, method] = sums.get((service, method), 0.0) + member.value
            yield from (((side, *names), value) for names, value in sums.items())

    def _in_flight(self) -> Iterator[tuple[_Key, int]]:
        for side in _SIDES:
            for names, member in self._family(side, "calls_in_flight"):
                yield (side, *names), int(member.value)  # type: ignore[misc]  # of two labels

    def _family(self, side: str, what: str) -> Iterator[tuple[tuple[str, ...], Any]]:
        name = f"rpcfw_{side}_{what}"
        return (pair for family in self._meter if family.name == name for pair in family)
