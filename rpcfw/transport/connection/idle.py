"""
How long a connection has been without a call, at no cost to calls.

Nothing is noted as calls come and go. Whoever wants to know looks now and then: a
connection was quiet between two looks if none was open at either, nor begun between
them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.connection.driver import Driver

__all__ = ["LOOKS", "IdleTracker", "IdleWatch"]

#: So often is looked within an idle limit: what is over it is found at the latest by
#: two looks more.
LOOKS = 8
#: Less than any limit that is meant: the rest that floats leave of one that is over.
_SLACK_S = 1e-3


class IdleTracker:
    """
    The quiet of one connection.

    Args:
        driver: the connection.
        now: seconds on the clock that `lasts_s` is asked by.
    """

    def __init__(self, driver: Driver, now: float) -> None:
        self._driver = driver
        self._newest = driver.newest_call
        self._since = now
        self._busy = False

    def lasts_s(self, now: float) -> float:
        """
        Look, and return how long there was surely no call.
        """
        driver = self._driver
        was_busy, self._busy = self._busy, bool(driver.listeners or driver.open_calls)
        if was_busy or self._busy or driver.newest_call != self._newest:
            self._newest = driver.newest_call
            self._since = now
        return now - self._since

    def reaches(self, limit_s: float, now: float) -> bool:
        """
        Look, and tell whether it has lasted for ``limit_s``.
        """
        return self.lasts_s(now) >= limit_s - _SLACK_S


class IdleWatch:
    """
    Watches one connection until `stop`, or until it was quiet for too long.

    Args:
        driver: the connection.
        clock: time.
        limit_s: how long it may be quiet.
        tell: told of the connection once it was.
    """

    def __init__(
        self, driver: Driver, clock: Clock, limit_s: float, tell: Callable[[Driver], None]
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._limit_s = limit_s
        self._tell = tell
        self._quiet = IdleTracker(driver, clock.seconds())
        self._timer: Any = clock.callLater(limit_s / LOOKS, self._look)

    def stop(self) -> None:
        """
        Watch no longer.
        """
        if self._timer.active():
            self._timer.cancel()

    def _look(self) -> None:
        if self._quiet.reaches(self._limit_s, self._clock.seconds()):
            self._tell(self._driver)
        else:
            self._timer = self._clock.callLater(self._limit_s / LOOKS, self._look)
