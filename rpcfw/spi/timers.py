"""
Many deadlines on few clock calls.

A call costs the reactor some microseconds to make a delayed call and to cancel
it again. Nearly every deadline is forgotten before it comes, so they are kept in
buckets of a few milliseconds: watching and forgetting are one set operation each,
and the clock is asked once a bucket. A deadline may fire one grain late, never early.
"""

from __future__ import annotations

import heapq
from typing import Any, Protocol

from rpcfw.spi.clock import Clock

__all__ = ["Expiring", "Timers"]


class Expiring(Protocol):
    """
    What is told when its time is over. Hashed by identity.
    """

    def expire(self) -> None: ...


class Timers:
    """
    The deadlines of one process.

    Args:
        clock: what time they are on.
        grain_s: width of a bucket, the most that one fires late.
    """

    def __init__(self, clock: Clock, grain_s: float = 0.005) -> None:
        self.seconds = clock.seconds
        self._clock = clock
        self._per_s = 1 / grain_s
        self._buckets: dict[int, set[Expiring]] = {}
        self._ticks: list[int] = []
        self._armed_for: int | None = None
        self._armed: Any = None

    def watch(self, when: float, expiring: Expiring) -> None:
        """
        Call ``expiring.expire()`` once ``when`` is past.
        """
        tick = int(when * self._per_s) + 1
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = set()
            heapq.heappush(self._ticks, tick)
            if self._armed_for is None or tick < self._armed_for:
                self._arm(tick)
        bucket.add(expiring)

    def forget(self, when: float, expiring: Expiring) -> None:
        """
        Take back a `watch` with the same arguments; harmless if it has fired.
        """
        bucket = self._buckets.get(int(when * self._per_s) + 1)
        if bucket is not None:
            bucket.discard(expiring)

    def stop(self) -> None:
        """
        Leave nothing with the clock: what is still watched never expires.
        """
        self._disarm()
        for bucket in self._buckets.values():
            bucket.clear()  # one of these may be the one that is being told now
        self._buckets.clear()
        self._ticks.clear()

    def _arm(self, tick: int) -> None:
        self._disarm()
        self._armed_for = tick
        delay = max(0.0, tick / self._per_s - self._clock.seconds())
        self._armed = self._clock.callLater(delay, self._fire)

    def _disarm(self) -> None:
        armed, self._armed = self._armed, None
        self._armed_for = None
        if armed is not None and armed.active():
            armed.cancel()

    def _fire(self) -> None:
        self._armed_for = None
        now = self._clock.seconds() * self._per_s
        try:
            # One part in a million of slack, for floats that meet exactly.
            while self._ticks and self._ticks[0] <= now + 1e-6:
                self._empty(heapq.heappop(self._ticks))
        finally:
            self._arm_for_next()

    def _arm_for_next(self) -> None:
        # What expired may have armed the clock for a later deadline of its own.
        if self._ticks and (self._armed_for is None or self._ticks[0] < self._armed_for):
            self._arm(self._ticks[0])

    def _empty(self, tick: int) -> None:
        """
        Tell all in one bucket.

        It stays in its place meanwhile, so that one of them can make another be
        forgotten; and if one raises, the rest are told next.
        """
        bucket = self._buckets[tick]
        try:
            while bucket:
                bucket.pop().expire()
        finally:
            if bucket:
                heapq.heappush(self._ticks, tick)
            else:
                self._buckets.pop(tick, None)
