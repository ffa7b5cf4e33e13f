"""
Keepalive: pings a silent peer, and closes the connection if it does not answer.

Every received byte proves that the peer is alive, so a busy connection costs one delayed call
in each interval and no ping. But a peer that sends a byte from time to time, and never the
end of a frame, is of no use: its connection is closed, too.
"""

from __future__ import annotations

from math import inf
from typing import Any

from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.connection.driver import Driver

__all__ = ["Keepalive"]

#: Rounding errors of floats; shorter than any interval that makes sense.
_SLACK_S = 1e-3
#: A look that is so late proves nothing about the peer: this process did not read.
_LATE_S = 1.0


class Keepalive:
    """
    Watches one connection until `stop`.

    Args:
        driver: the connection.
        clock: time.
        interval_s: silence after which a ping is sent; 0 for never.
        timeout_s: further silence after which the connection is closed.
        idle: also ping while no call is open.
        frame_s: how long the peer may take for one frame; 0: no limit.
    """

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        interval_s: float,
        timeout_s: float,
        *,
        idle: bool = True,
        frame_s: float = 0.0,
    ) -> None:
        #: When the watch began.
        self.since = clock.seconds()
        self._driver = driver
        self._clock = clock
        self._interval_s = interval_s or inf
        self._timeout_s = timeout_s
        self._idle = idle
        self._frame_s = frame_s or inf
        #: The frame that was unfinished at the last look, and since when.
        self._frame = 0
        self._frame_since = self.since
        self._due_at = self.since
        self._timer: Any = None
        self._look_in(min(self._interval_s, self._frame_s / 2))

    def stop(self) -> None:
        """
        Stop watching.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _look_in(self, delay_s: float) -> None:
        if delay_s < inf:
            self._due_at = self._clock.seconds() + delay_s
            self._timer = self._clock.callLater(delay_s, self._look)

    def _look(self) -> None:
        now = self._clock.seconds()
        if self._frame_overdue(now):
            self._driver.abort(
                f"a frame was not complete within frame_timeout of {self._frame_s:g} s"
            )
            return
        left_s = self._interval_s - (now - self._driver.alive_at)
        if left_s <= _SLACK_S:
            if self._idle or self._driver.listeners:
                self._ping()
                return
            left_s = self._interval_s
        self._look_in(min(left_s, self._frame_s / 2))

    def _ping(self) -> None:
        pinged_at = self._clock.seconds()
        self._driver.ping()
        self._check_in(min(self._interval_s, self._timeout_s), pinged_at)

    def _check_in(self, delay_s: float, pinged_at: float) -> None:
        self._timer = self._clock.callLater(delay_s, self._check, pinged_at)

    def _check(self, pinged_at: float) -> None:
        now = self._clock.seconds()
        left_s = self._timeout_s - (now - pinged_at)
        if self._driver.alive_at >= pinged_at:
            self._due_at = now
            self._look()
        elif left_s > _SLACK_S:
            # It may have answered by then, and the next ping is due.
            self._check_in(min(left_s, self._interval_s), pinged_at)
        else:
            self._driver.abort(f"no answer to a keepalive ping for {self._timeout_s:g} s")

    def _frame_overdue(self, now: float) -> bool:
        frame = self._driver.unfinished_frame
        # While this side does not read, the rest of the frame may be in the socket.
        waits = self._driver.held or now > self._due_at + _LATE_S
        if not frame or frame != self._frame or waits:
            self._frame, self._frame_since = frame, now
        return now - self._frame_since >= self._frame_s - _SLACK_S
