"""
How old and how idle the connections of a server may grow.

Theory of operation. A connection is looked at when it may be due, never by a call.
One that is too old or too idle is left in good order: its client is told, opens
another for its further calls, and closes this one when its calls have ended. That
is left to the client, since what it sent before it was told must not be cut off.
One that does not close is closed when it has had time to, and no call is open; one
whose calls go on beyond the grace, with them.
"""

from __future__ import annotations

from math import inf

from twisted.logger import Logger

from rpcfw.server.options import ServerOptions
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.timers import Timers
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.idle import LOOKS, IdleTracker

__all__ = ["ConnectionAges", "Lifetime"]

_log = Logger()

#: Ages differ by so much, lest clients that came together go together.
_JITTER = 0.1
#: A client that was told has so long to close by itself.
_FAREWELL_S = 10.0
#: How often a connection that was left is looked at.
_LOOK_AGAIN_S = 1.0


class ConnectionAges:
    """
    Gives each connection its time.

    Args:
        timers: where that is watched, for many connections at once.
        random: for the jitter.
        options: see `ServerOptions`.
    """

    def __init__(self, timers: Timers, random: RandomSource, options: ServerOptions) -> None:
        self.timers = timers
        self.log = LimitedLog(_log, timers.seconds)
        self.idle_s = options.max_connection_idle or inf
        self.grace_s = options.max_connection_age_grace
        self._chance = random
        self._age_s = options.max_connection_age or inf

    def begin(self, driver: Driver) -> Lifetime | None:
        """
        Return the time of a new connection; None if it may stay for ever.
        """
        if self._age_s == self.idle_s == inf:
            return None
        age_s = self._age_s * (1 + _JITTER * (2 * self._chance.random() - 1))
        return Lifetime(driver, self, age_s)


class Lifetime:
    """
    The time of one connection, until `stop`.

    Args:
        driver: the connection.
        limits: the rest of what is held against it.
        age_s: how old it may grow.
    """

    def __init__(self, driver: Driver, limits: ConnectionAges, age_s: float) -> None:
        now = limits.timers.seconds()
        self._driver = driver
        self._limits = limits
        self._timers = limits.timers
        self._quiet = IdleTracker(driver, now)
        self._ages_at = now + age_s
        self._left_at: float | None = None
        self._grace_ends_at = inf
        self._look_at(min(self._ages_at, now + limits.idle_s / LOOKS))

    def stop(self) -> None:
        """
        Watch no longer.
        """
        self._timers.forget(self._due_at, self)

    def expire(self) -> None:
        """
        Look at the connection.
        """
        now = self._timers.seconds()
        if self._left_at is not None:
            self._look_after(now, self._left_at)
        elif now >= self._ages_at:
            grace_s = self._limits.grace_s
            self._leave(now, "max_age", inf if grace_s is None else grace_s)
        elif self._quiet.reaches(self._limits.idle_s, now):
            self._leave(now, "max_idle", inf)
        else:
            self._look_at(min(self._ages_at, now + self._limits.idle_s / LOOKS))

    def _leave(self, now: float, reason: str, grace_s: float) -> None:
        self._left_at = now
        self._grace_ends_at = now + grace_s
        self._driver.leave(reason)
        self._look_at(min(self._grace_ends_at, now + _FAREWELL_S))

    def _look_after(self, now: float, left_at: float) -> None:
        driver = self._driver
        calls = driver.open_calls
        if now >= self._grace_ends_at and calls:
            self._limits.log.warn_of(
                "grace",
                "{count} calls of {peer} did not end within max_connection_age_grace; "
                "they are given up",
                count=calls,
                peer=driver.peer,
            )
            driver.fail("max_age")
            driver.close("max_connection_age_grace is over")
        elif now >= left_at + _FAREWELL_S and not calls and not driver.listeners:
            driver.close("it was left, and no call is open")
        else:
            self._look_at(self._next_look(now))

    def _next_look(self, now: float) -> float:
        soon = now + _LOOK_AGAIN_S
        return min(soon, self._grace_ends_at) if now < self._grace_ends_at else soon

    def _look_at(self, when: float) -> None:
        self._due_at = when
        self._timers.watch(when, self)
