"""
Pages leave the time of the reactor to calls.
"""

from __future__ import annotations

from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import sleep

__all__ = ["Pace"]

#: After a page that took 5 ms, calls have 20 ms before the next page.
_REST = 4.0
#: A page that took that long is a mistake, and does not close the port for minutes.
_MAX_REST_S = 2.0


class Pace:
    """
    Bounds the share of time that pages take, however many are asked for: a fifth.

    Args:
        clock: of the process.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at = 0.0

    async def wait(self) -> None:
        """
        Return when a page may be made.
        """
        while (left_s := self._free_at - self._clock.seconds()) > 0:
            await sleep(self._clock, left_s)

    def took(self, since: float) -> None:
        """
        Note that a page was made, from ``since`` to now.
        """
        now = self._clock.seconds()
        rest_s = min(_MAX_REST_S, (now - since) * _REST)
        self._free_at = max(self._free_at, now + rest_s)
