"""
The connections of one link that are open: the one that takes calls, and those that end.
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

#: How often a connection that is being left is looked at for calls still open.
_LOOK_AGAIN_S = 0.1


@define(eq=False)
class _Watches:
    """
    What is done about one connection as time goes by.

    Args:
        keepalive: pings it.
        idle: closes it when it has had no call for long.
        leaving: it ends with its calls.
        look: the next look whether these have ended.
    """

    keepalive: Keepalive
    idle: IdleWatch | None
    leaving: bool = False
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
    Watches them, lets them end with their calls, and counts what went over them.

    Args:
        options: see `LinkOptions`.
        clock: time.
        unused: told of a connection that had no call for the idle time.
    """

    def __init__(
        self, options: LinkOptions, clock: Clock, unused: Callable[[Driver], None]
    ) -> None:
        #: What went over the connections that are closed.
        self.past = Calls()
        self._options = options
        self._clock = clock
        self._unused = unused
        self._watches: dict[Driver, _Watches] = {}

    @property
    def began(self) -> tuple[tuple[Driver, float], ...]:
        """
        Return them with the times that they began.
        """
        return tuple((driver, watches.keepalive.since) for driver, watches in self._watches.items())

    def add(self, driver: Driver, keepalive_floor_s: float) -> None:
        """
        Watch a connection whose peer has greeted.

        Args:
            keepalive_floor_s: the least time between two pings that its peer bears.
        """
        keepalive = self._keepalive(driver, keepalive_floor_s)
        self._watches[driver] = _Watches(keepalive, self._idle_watch(driver))

    def remove(self, driver: Driver) -> None:
        """
        Forget a connection that is closed; harmless for one that is not watched.
        """
        watches = self._watches.pop(driver, None)
        if watches is not None:
            watches.stop()
            self.past = total((self.past, calls_at_end(driver)))

    def leave(self, driver: Driver) -> None:
        """
        Note that a connection takes no new calls, and ends with those on it.
        """
        watches = self._watches.get(driver)
        if watches is not None:
            watches.leaving = True

    def close_when_empty(self, driver: Driver, reason: str) -> None:
        """
        Close a connection that is left once no call is open on it.
        """
        watches = self._watches.get(driver)
        if watches is None or not watches.leaving:
            return
        watches.stop_look()
        if driver.listeners:
            look = self.close_when_empty
            watches.look = self._clock.callLater(_LOOK_AGAIN_S, look, driver, reason)
        else:
            driver.close(reason)

    def close_left(self, reason: str) -> None:
        """
        Close at once those that are left.
        """
        for driver, watches in tuple(self._watches.items()):
            if watches.leaving:
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
