"""
Waiting for something to have changed, however often it did meanwhile.
"""

from __future__ import annotations

from rpcfw.spi.runtime.waiting import Waiter

__all__ = ["Doorbell"]


class Doorbell:
    """
    One coroutine waits, anybody rings. A ring that nobody waits for is kept.
    """

    def __init__(self) -> None:
        self._rung = False
        self._waiter: Waiter[None] | None = None

    def ring(self) -> None:
        """
        Wake the one who waits, or who will.
        """
        self._rung = True
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)

    async def rung(self) -> None:
        """
        Return once it has rung since the last `hush`.
        """
        if self._rung:
            return
        self._waiter = Waiter()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def hush(self) -> None:
        """
        Forget the rings so far: who calls is about to look for itself.
        """
        self._rung = False
