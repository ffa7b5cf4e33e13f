"""
The latencies of one node over a sliding window: mean and percentiles, in constant memory.

Latencies are counted in buckets, each 19 % wider than the one below. The window is two
halves: when the newer one is full, it becomes the older one, whose counts are forgotten. So
what is looked at covers between half the window and all of it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from math import ceil

__all__ = ["LatencyWindow"]

#: The upper bound of the first bucket; latencies below it are no different.
_LOWEST_S = 1e-5
#: Buckets in which the latency doubles.
_STEPS = 4
_BUCKETS = 96
#: The upper bound of each bucket but the last, which is for more than 116 s.
_BOUNDS = [_LOWEST_S * 2 ** (number / _STEPS) for number in range(_BUCKETS - 1)]


class _Half:
    __slots__ = ("buckets", "count", "highest", "sum_s")

    def __init__(self) -> None:
        self.buckets = array("I", bytes(4 * _BUCKETS))
        self.count = 0
        self.sum_s = 0.0
        self.highest = 0

    def clear(self) -> None:
        if self.count:
            self.buckets = array("I", bytes(4 * _BUCKETS))
            self.count = self.highest = 0
            self.sum_s = 0.0


class LatencyWindow:
    """
    Counts what was measured lately.
    """

    __slots__ = ("_newer", "_older", "_since")

    def __init__(self, now: float) -> None:
        self._newer, self._older = _Half(), _Half()
        self._since = now

    def add(self, latency_s: float, now: float, window_s: float) -> None:
        """
        Count one latency.
        """
        if now - self._since >= window_s / 2:
            self.forget(now, window_s)
        half = self._newer
        bucket = bisect_left(_BOUNDS, latency_s)
        half.buckets[bucket] += 1
        half.count += 1
        half.sum_s += latency_s
        half.highest = max(half.highest, bucket)

    def forget(self, now: float, window_s: float) -> None:
        """
        Forget what is older than the window.
        """
        age_s = now - self._since
        if age_s < window_s / 2:
            return
        self._newer, self._older = self._older, self._newer
        self._newer.clear()
        if age_s >= window_s:
            self._older.clear()
        self._since = now

    @property
    def count(self) -> int:
        """
        How many latencies are in the window.
        """
        return self._newer.count + self._older.count

    @property
    def mean_s(self) -> float:
        """
        Their mean; there has to be one.
        """
        return (self._newer.sum_s + self._older.sum_s) / self.count

    def percentile_s(self, share: float) -> float:
        """
        Return the latency that this share of them does not exceed; there has to be one.

        It is exact to 9 %.
        """
        newer, older = self._newer, self._older
        above = self.count - ceil(share * self.count)
        for bucket in range(max(newer.highest, older.highest), 0, -1):
            above -= newer.buckets[bucket] + older.buckets[bucket]
            if above < 0:
                return float(_LOWEST_S * 2 ** ((bucket - 0.5) / _STEPS))
        return _LOWEST_S
