"""
The service that is called while things break.
"""

from __future__ import annotations

import os

import rpcfw
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import sleep

__all__ = ["Work"]

#: So long a call is under way, that some always are when something breaks.
_TAKES_S = 0.004


class Work(rpcfw.Service, name="failover.Work"):
    """
    Says who answered: the id of its process.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: How many calls of `write` have begun.
        self.written = 0

    @rpcfw.method(idempotent=True)
    async def read(self, number: int) -> int:
        """
        May be repeated.
        """
        await sleep(self._clock, _TAKES_S)
        return os.getpid()

    @rpcfw.method
    async def write(self, number: int) -> int:
        """
        May not.
        """
        self.written += 1
        await sleep(self._clock, _TAKES_S)
        return os.getpid()
