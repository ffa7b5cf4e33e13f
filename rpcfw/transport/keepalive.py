"""
Signs of life: asks a silent peer, and gives up one that does not answer.

Any byte that comes counts as life, so a busy connection costs one delayed call for
each interval and no ping at all.
"""

from __future__ import annotations

from typing import Any

from rpcfw.spi.clock import Clock
from rpcfw.transport.driver import Driver

__all__ = ["Keepalive"]

#: Less than any interval that is meant: the rest that floats leave of one that is over.
_SLACK_S = 1e-3


class Keepalive:
    """
    Watches one connection until `stop`.

    Args:
        driver: the connection.
        clock: time.
        interval_s: silence after which a ping is sent; 0 for never.
        timeout_s: further silence after which the connection is aborted.
        idle: ping while no call is open, too.
    """

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        interval_s: float,
        timeout_s: float,
        *,
        idle: bool = True,
    ) -> None:
        #: When the watch began.
        self.since = clock.seconds()
        self._driver = driver
        self._clock = clock
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._idle = idle
        self._timer: Any = clock.callLater(interval_s, self._look) if interval_s > 0 else None

    def stop(self) -> None:
        """
        Watch no longer.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _look(self) -> None:
        silent_s = self._clock.seconds() - self._driver.alive_at
        left_s = self._interval_s - silent_s
        if left_s > _SLACK_S:
            self._timer = self._clock.callLater(left_s, self._look)
            return
        if not self._idle and not self._driver.listeners:
            self._timer = self._clock.callLater(self._interval_s, self._look)
            return
        asked_at = self._clock.seconds()
        self._driver.machine.ping()
        self._driver.flush()
        self._timer = self._clock.callLater(self._timeout_s, self._judge, asked_at)

    def _judge(self, asked_at: float) -> None:
        if self._driver.alive_at >= asked_at:
            self._look()
        else:
            self._driver.abort(f"no sign of life for {self._timeout_s:g} s after a ping")
