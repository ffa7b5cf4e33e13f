"""
The open connections of one link: the one that takes calls, and those that drain.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from rpcfw.spi.inspection import Calls, total
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.idle import IdleWatch
from rpcfw.transport.connection.inspection import calls_at_end
from rpcfw.transport.connection.keepalive import Keepalive
from rpcfw.transport.pool.options import LinkOptions

__all__ = ["OpenConnections"]

#: How often a draining connection is checked for open calls.
_LOOK_AGAIN_S = 0.1


@define(eq=False)
class _Watches:
    """
    The timers of one connection.

    Args:
        keepalive: pings it.
        idle: closes it when it had no call for long.
        draining: it is closed when its calls have ended.
        look: the next check whether these have ended.
    """

    keepalive: Keepalive
    idle: IdleWatch | None
    draining: bool = False
    look: DelayedCall | None = None

    def stop_look(self) -> None:
        if self.look is not None and self.look.active():
            self.look.cancel()

    def stop(self) -> None:
        self.stop_look()
        self.keepalive.stop()
        if self.idle is not None:
            self.idle.stop()


class OpenConnections:
    """
    Watches them, closes those that drain, and counts their calls.

    Args:
        options: see `LinkOptions`.
        clock: time.
        unused: called with a connection that had no call for the idle timeout.
    """

    def __init__(
        self, options: LinkOptions, clock: Clock, unused: Callable[[Driver], None]
    ) -> None:
        #: The calls on connections that are closed.
        self.past = Calls()
        self._options = options
        self._clock = clock
        self._unused = unused
        self._watches: dict[Driver, _Watches] = {}

    @property
    def began(self) -> tuple[tuple[Driver, float], ...]:
        """
        The connections, with the times when they began.
        """
        return tuple((driver, watches.keepalive.since) for driver, watches in self._watches.items())

    def add(self, driver: Driver, keepalive_floor_s: float) -> None:
        """
        Watch a connection whose handshake is completed.

        Args:
            keepalive_floor_s: the shortest time between two pings that its peer accepts.
        """
        keepalive = self._keepalive(driver, keepalive_floor_s)
        self._watches[driver] = _Watches(keepalive, self._idle_watch(driver))

    def remove(self, driver: Driver) -> None:
        """
        Forget a closed connection; harmless if it was not watched.
        """
        watches = self._watches.pop(driver, None)
        if watches is not None:
            watches.stop()
            self.past = total((self.past, calls_at_end(driver)))

    def drain(self, driver: Driver) -> None:
        """
        Note that a connection is drained: it takes no new calls.
        """
        watches = self._watches.get(driver)
        if watches is not None:
            watches.draining = True

    def close_when_empty(self, driver: Driver, reason: str) -> None:
        """
        Close a draining connection when no call is open on it.
        """
        watches = self._watches.get(driver)
        if watches is None or not watches.draining:
            return
        watches.stop_look()
        if driver.listeners:
            look = self.close_when_empty
            watches.look = self._clock.callLater(_LOOK_AGAIN_S, look, driver, reason)
        else:
            driver.close(reason)

    def close_draining(self, reason: str) -> None:
        """
        Close all draining connections at once.
        """
        for driver, watches in tuple(self._watches.items()):
            if watches.draining:
                driver.close(reason)

    def _idle_watch(self, driver: Driver) -> IdleWatch | None:
        idle_s = self._options.idle_timeout
        return IdleWatch(driver, self._clock, idle_s, self._unused) if idle_s else None

    def _keepalive(self, driver: Driver, floor_s: float) -> Keepalive:
        options = self._options
        interval_s = options.keepalive
        if interval_s:
            interval_s = max(interval_s, floor_s)
        return Keepalive(
            driver,
            self._clock,
            interval_s,
            options.keepalive_timeout,
            idle=not floor_s,
            frame_s=options.frame_timeout,
        )
