"""
The service that is called while a part of the fleet fails.
"""

from __future__ import annotations

import os
from pathlib import Path

import rpcfw
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import sleep

__all__ = ["Shop", "begun_in"]

#: So long a call takes, that some are always under way when something fails.
_TAKES_S = 0.004
_NUMBER_BYTES = 4


class Shop(rpcfw.Service, name="fleet.Shop"):
    """
    Answers with the id of its process.

    Args:
        clock: what its latency is measured with.
        journal: a file that gets the number of each call of `buy` that has begun. It is
            read even if the process was killed.
    """

    def __init__(self, clock: Clock, journal: Path) -> None:
        self._clock = clock
        self._journal = journal.open("ab", buffering=0)
        self.latency_s = _TAKES_S

    @rpcfw.method(idempotent=True)
    async def get(self, number: int) -> int:
        """
        May be repeated.
        """
        await sleep(self._clock, self.latency_s)
        return os.getpid()

    @rpcfw.method
    async def buy(self, number: int) -> int:
        """
        May not.
        """
        self._journal.write(number.to_bytes(_NUMBER_BYTES, "big"))
        await sleep(self._clock, self.latency_s)
        return os.getpid()


def begun_in(journal: Path) -> set[int]:
    """
    Return the numbers of the calls of `Shop.buy` that a provider has begun.
    """
    numbers = journal.read_bytes()
    starts = range(0, len(numbers), _NUMBER_BYTES)
    return {int.from_bytes(numbers[at : at + _NUMBER_BYTES], "big") for at in starts}
