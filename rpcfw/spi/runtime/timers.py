"""
Many deadlines on few clock calls.

A call costs the reactor some microseconds to make a delayed call and to cancel
it again. Nearly every deadline is forgotten before it comes, so they are kept in
buckets of a few milliseconds: watching and forgetting are one set operation each,
and the clock is asked once a bucket. A deadline may fire one grain late, never early;
one that is more than a minute away, a second late: else streams of an hour, opened and
forgotten, would leave a bucket behind for every grain of it.
"""

from __future__ import annotations

import heapq
from typing import Any, Protocol

from rpcfw.spi.runtime.clock import Clock

__all__ = ["Expiring", "Timers"]


#: Deadlines beyond it share buckets of many grains.
_NEAR_S = 60.0
_COARSE = 200
#: The longest that the clock is asked for.
_LONGEST_S = 86_400.0


class Expiring(Protocol):
    """
    What is called when its time is over. Hashed by identity.
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
        #: Ticks up to this one are near.
        self._horizon = -1
        self._armed_for: int | None = None
        self._armed: Any = None

    def watch(self, when: float, expiring: Expiring) -> set[Expiring]:
        """
        Call ``expiring.expire()`` once ``when`` is past: never, if that is infinity.

        Returns:
            The others that are watched with it. Who discards ``expiring`` from them takes the
            watch back, as `forget` does, in a fifth of the time.
        """
        try:
            tick = int(when * self._per_s) + 1
        except OverflowError:
            return set()
        if tick > self._horizon:
            tick = self._tick_of_far(tick)
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = set()
            heapq.heappush(self._ticks, tick)
            if self._armed_for is None or tick < self._armed_for:
                self._arm(tick)
        bucket.add(expiring)
        return bucket

    def forget(self, when: float, expiring: Expiring) -> None:
        """
        Take back a `watch` with the same arguments; harmless if it has fired.
        """
        try:
            tick = int(when * self._per_s) + 1
        except OverflowError:
            return
        try:
            self._buckets[tick].remove(expiring)
        except KeyError:
            bucket = self._buckets.get(_coarse(tick))
            if bucket is not None:
                bucket.discard(expiring)

    def _tick_of_far(self, tick: int) -> int:
        """
        Return the tick for one that may be far; nearer ones are not looked at for a while.
        """
        self._horizon = int((self.seconds() + _NEAR_S) * self._per_s)
        return tick if tick <= self._horizon else _coarse(tick)

    def stop(self) -> None:
        """
        Leave nothing with the clock: what is still watched never expires.
        """
        self._disarm()
        for bucket in self._buckets.values():
            bucket.clear()  # one of these may be the one that is being called now
        self._buckets.clear()
        self._ticks.clear()

    def _arm(self, tick: int) -> None:
        self._disarm()
        self._armed_for = tick
        delay = max(0.0, tick / self._per_s - self._clock.seconds())
        # Systems wait for so many milliseconds as a C int can hold, and no longer. What
        # fires too early finds nothing due and is armed again.
        self._armed = self._clock.callLater(min(delay, _LONGEST_S), self._fire)

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
        # Nearly all are empty: else a client would wake up once a bucket, long after its calls.
        while self._ticks and not self._buckets[self._ticks[0]]:
            del self._buckets[heapq.heappop(self._ticks)]
        # What expired may have armed the clock for a later deadline of its own.
        if self._ticks and (self._armed_for is None or self._ticks[0] < self._armed_for):
            self._arm(self._ticks[0])

    def _empty(self, tick: int) -> None:
        """
        Tell all in one bucket.

        It stays in its place meanwhile, so that one of them can make another be
        forgotten; and if one raises, the rest are called next.
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


def _coarse(tick: int) -> int:
    return -(-tick // _COARSE) * _COARSE
