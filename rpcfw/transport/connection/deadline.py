"""
The one timer that a connection has at a time: for its handshake, or for its close.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.spi.runtime.clock import Clock, DelayedCall

__all__ = ["Deadline"]


class Deadline:
    """
    Calls a function at a time that can be changed or given up.

    Args:
        clock: time.
    """

    __slots__ = ("_clock", "_timer")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: DelayedCall | None = None

    def set(self, delay_s: float, call: Callable[[], None]) -> None:
        """
        Call a function after a delay, instead of what was set before.
        """
        self.stop()
        self._timer = self._clock.callLater(delay_s, call)

    def stop(self) -> None:
        """
        Call nothing.
        """
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
