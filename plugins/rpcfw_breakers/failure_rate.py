"""
Open when too large a share of the attempts in a sliding window has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from rpcfw.spi.breaker import Breaker, BreakerOptions, FailureDetector
from rpcfw.spi.options import option, options
from rpcfw.values.units import Seconds, Share

__all__ = ["FailureRate"]

#: A window has so many parts; the oldest is dropped whole.
_PARTS = 10


@options
class FailureRateOptions(BreakerOptions):
    """
    What the INI may say.
    """

    failure_rate: Share = option("50%", "share of failed attempts that opens the breaker")
    min_calls: int = option("20", "least number of attempts in the window to judge by")
    window: Seconds = option("10s", "time that attempts are counted for")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no breaker could be made of.
        """
        yield from super().problems()
        if self.failure_rate <= 0:
            yield "failure_rate", "must be more than 0%"
        if self.min_calls < 1:
            yield "min_calls", f"must be at least 1, not {self.min_calls}"
        if self.window <= 0:
            yield "window", "must be more than 0s"


class FailureRate(Breaker):
    """
    Leaves a node alone when too large a share of its attempts fails.
    """

    Options: ClassVar[type] = FailureRateOptions

    def detector(self) -> FailureDetector:
        options = self.options
        return _Window(options.failure_rate, options.min_calls, options.window, self.seconds)


class _Window(FailureDetector):
    """
    Counts of the last parts of time, in a ring, and their sums.
    """

    __slots__ = ("_failures", "_min_calls", "_part", "_part_s", "_rate", "_seconds", "_sums")

    def __init__(
        self, rate: float, min_calls: int, window_s: float, seconds: Callable[[], float]
    ) -> None:
        self._rate = rate
        self._min_calls = min_calls
        self._part_s = window_s / _PARTS
        self._seconds = seconds
        self._part = int(seconds() / self._part_s)
        #: Attempts and failures in each part of the window.
        self._sums = [0] * _PARTS
        self._failures = [0] * _PARTS

    def succeeded(self) -> None:
        part = int(self._seconds() / self._part_s)
        if part != self._part:
            self._begin(part)
        self._sums[part % _PARTS] += 1

    def failed(self) -> str:
        part = int(self._seconds() / self._part_s)
        if part != self._part:
            self._begin(part)
        place = part % _PARTS
        self._sums[place] += 1
        self._failures[place] += 1
        calls, failures = sum(self._sums), sum(self._failures)
        if calls < self._min_calls or failures < calls * self._rate:
            return ""
        window_s = self._part_s * _PARTS
        return f"{failures} of {calls} attempts in {window_s:g} s failed"

    def take_over(self, before: _Window) -> None:
        if before._part_s == self._part_s:
            self._part = before._part
            self._sums, self._failures = before._sums[:], before._failures[:]

    def _begin(self, part: int) -> None:
        """
        Go on to a later part, and drop those that are over.
        """
        for passed in range(max(self._part, part - _PARTS) + 1, part + 1):
            self._sums[passed % _PARTS] = self._failures[passed % _PARTS] = 0
        self._part = part
