"""
An event: coroutines wait until somebody says that something has changed.
"""

from __future__ import annotations

import math

from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import Waiter

__all__ = ["Event"]


class Event:
    """
    A flag to wait for, like `asyncio.Event`, for coroutines of Twisted and of asyncio.
    """

    def __init__(self) -> None:
        self._set = False
        self._waiters: dict[Waiter[None], None] = {}

    @property
    def is_set(self) -> bool:
        """
        Whether the flag is set.
        """
        return self._set

    def set(self) -> None:
        """
        Set the flag, and wake everybody who waits for it.
        """
        self._set = True
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            _wake(waiter)

    def clear(self) -> None:
        """
        Reset the flag. Whoever clears it looks next at what has changed so far.
        """
        self._set = False

    async def wait(self) -> None:
        """
        Return once the flag is set; at once if it is.
        """
        if self._set:
            return
        waiter: Waiter[None] = Waiter()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)

    async def wait_until(self, clock: Clock, at: float) -> None:
        """
        Return once the flag is set, or at the time ``at`` of ``clock``; infinity: no limit.
        """
        if self._set:
            return
        if at == math.inf:
            await self.wait()
            return
        waiter: Waiter[None] = Waiter()
        timer = clock.callLater(max(0.0, at - clock.seconds()), _wake, waiter)
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)
            if timer.active():
                timer.cancel()


def _wake(waiter: Waiter[None]) -> None:
    # In an asyncio loop the one who waits goes on later, and the other reason may come first.
    if not waiter.called:
        waiter.callback(None)
