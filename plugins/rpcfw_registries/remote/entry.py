"""
What a store shall hold for one announced instance, and who waits for it.
"""

from __future__ import annotations

from attrs import define, field

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw_registries.remote.store import Key

__all__ = ["Entry"]


@define(eq=False)
class Entry:
    """
    One instance.

    Args:
        record: what the store shall hold; None: nothing.
        sent: the store may hold something.
        written: the store holds the record.
        error: why the last try failed; None if it did not.
        waiters: those who wait until it is written.
    """

    key: Key
    record: bytes | None = None
    sent: bool = False
    written: bool = False
    error: RegistryError | None = None
    waiters: list[Waiter[None]] = field(factory=list)

    def finish(self, error: RegistryError | None = None) -> None:
        """
        Wake those who wait, with the error if there is one.
        """
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if waiter.called:
                continue
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(error)
