"""
How old and how idle the connections of a server may become.

Theory of operation. A timer checks a connection when its limit may be reached; calls check
nothing. A connection that is too old or too idle gets a GOAWAY (RFC 9113 section 6.8; the
native protocol has the same frame). The client opens another connection for further calls, and
closes this one when its calls have ended. The server does not close it at once, since that would
cut off what the client sent before it received the GOAWAY. If the client does not close it, the
server does so after a while, when no call is open. When the grace is over, it closes the
connection with its calls.
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

#: Ages differ by this share, so that clients that connected together do not reconnect together.
_JITTER = 0.1
#: How long a client has to close the connection after the GOAWAY.
_CLOSE_TIMEOUT_S = 10.0
#: How often a connection is checked after the GOAWAY.
_LOOK_AGAIN_S = 1.0


class ConnectionAges:
    """
    Sets the limits of each connection.

    Args:
        timers: watch many connections at once.
        random: for the jitter.
        options: see `ServerOptions`.
    """

    def __init__(self, timers: Timers, random: RandomSource, options: ServerOptions) -> None:
        self.timers = timers
        self.log = LimitedLog(_log, timers.seconds)
        self.idle_s = options.max_connection_idle or inf
        self.grace_s = options.max_connection_age_grace
        self._random = random
        self._age_s = options.max_connection_age or inf

    def begin(self, driver: Driver) -> Lifetime | None:
        """
        Watch a new connection; None if it has no limit.
        """
        if self._age_s == self.idle_s == inf:
            return None
        age_s = self._age_s * (1 + _JITTER * (2 * self._random.random() - 1))
        return Lifetime(driver, self, age_s)


class Lifetime:
    """
    Watches one connection, until `stop`.

    Args:
        driver: the connection.
        limits: its other limits.
        age_s: its maximum age.
    """

    def __init__(self, driver: Driver, limits: ConnectionAges, age_s: float) -> None:
        now = limits.timers.seconds()
        self._driver = driver
        self._limits = limits
        self._timers = limits.timers
        self._idle = IdleTracker(driver, now)
        self._ages_at = now + age_s
        self._drained_at: float | None = None
        self._grace_ends_at = inf
        self._look_at(min(self._ages_at, now + limits.idle_s / LOOKS))

    def stop(self) -> None:
        """
        Stop watching.
        """
        self._timers.forget(self._due_at, self)

    def expire(self) -> None:
        """
        Check the connection.
        """
        now = self._timers.seconds()
        if self._drained_at is not None:
            self._look_after(now, self._drained_at)
        elif now >= self._ages_at:
            grace_s = self._limits.grace_s
            self._drain(now, "max_age", inf if grace_s is None else grace_s)
        elif self._idle.reaches(self._limits.idle_s, now):
            self._drain(now, "max_idle", inf)
        else:
            self._look_at(min(self._ages_at, now + self._limits.idle_s / LOOKS))

    def _drain(self, now: float, reason: str, grace_s: float) -> None:
        self._drained_at = now
        self._grace_ends_at = now + grace_s
        self._driver.drain(reason)
        self._look_at(min(self._grace_ends_at, now + _CLOSE_TIMEOUT_S))

    def _look_after(self, now: float, drained_at: float) -> None:
        driver = self._driver
        calls = driver.open_calls
        if now >= self._grace_ends_at and calls:
            self._limits.log.warn_of(
                "grace",
                "{count} calls of {peer} did not end within max_connection_age_grace; "
                "they are cancelled",
                count=calls,
                peer=driver.peer,
            )
            driver.fail("max_age")
            driver.close("max_connection_age_grace is over")
        elif now >= drained_at + _CLOSE_TIMEOUT_S and not calls and not driver.listeners:
            driver.close("it was drained, and no call is open")
        else:
            self._look_at(self._next_look(now))

    def _next_look(self, now: float) -> float:
        soon = now + _LOOK_AGAIN_S
        return min(soon, self._grace_ends_at) if now < self._grace_ends_at else soon

    def _look_at(self, when: float) -> None:
        self._due_at = when
        self._timers.watch(when, self)
