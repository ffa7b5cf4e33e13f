"""
How long a connection has had no call, at no cost to calls.

Calls note nothing. Instead the connection is looked at from time to time: it was idle between
two looks if no call was open at either of them, and none was begun in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.connection.driver import Driver

__all__ = ["LOOKS", "IdleTracker", "IdleWatch"]

#: Looks within one idle timeout. A connection that is idle for too long is found two looks
#: late at most.
LOOKS = 8
#: Rounding errors of floats; shorter than any timeout that makes sense.
_SLACK_S = 1e-3


class IdleTracker:
    """
    The idle time of one connection.

    Args:
        driver: the connection.
        now: seconds on the clock that `lasts_s` uses, too.
    """

    def __init__(self, driver: Driver, now: float) -> None:
        self._driver = driver
        self._newest = driver.newest_call
        self._since = now
        self._busy = False

    def lasts_s(self, now: float) -> float:
        """
        Look, and return for how long there was certainly no call.
        """
        driver = self._driver
        was_busy, self._busy = self._busy, bool(driver.listeners or driver.open_calls)
        if was_busy or self._busy or driver.newest_call != self._newest:
            self._newest = driver.newest_call
            self._since = now
        return now - self._since

    def reaches(self, limit_s: float, now: float) -> bool:
        """
        Look, and return whether it was idle for ``limit_s``.
        """
        return self.lasts_s(now) >= limit_s - _SLACK_S


class IdleWatch:
    """
    Watches one connection until `stop`, or until it was idle for too long.

    Args:
        driver: the connection.
        clock: time.
        limit_s: how long it may be idle.
        expired: called with the connection once it was.
    """

    def __init__(
        self, driver: Driver, clock: Clock, limit_s: float, expired: Callable[[Driver], None]
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._limit_s = limit_s
        self._expired = expired
        self._tracker = IdleTracker(driver, clock.seconds())
        self._timer: Any = clock.callLater(limit_s / LOOKS, self._look)

    def stop(self) -> None:
        """
        Stop watching.
        """
        if self._timer.active():
            self._timer.cancel()

    def _look(self) -> None:
        if self._tracker.reaches(self._limit_s, self._clock.seconds()):
            self._expired(self._driver)
        else:
            self._timer = self._clock.callLater(self._limit_s / LOOKS, self._look)
