"""
The memory that answers take while their readers do not read.

A connection is *full* while its socket takes no more. What is written to it then stays in
memory until the peer reads, and a server cannot know whether it ever will. One connection
begins no further call while it is full; this bounds all connections of a process together.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["UnsentBytes"]


class UnsentBytes:
    """
    What waits to be sent on full connections.

    Args:
        max_bytes: of all of them together. Over it the connection is cut off that has been
            full for the longest time.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.total = 0
        # In the order in which they became full.
        self._of: dict[Callable[[str], None], int] = {}

    def add(self, cut_off: Callable[[str], None], size: int) -> None:
        """
        Count bytes that were written to a full connection.

        Args:
            cut_off: ends this connection at once, with a reason. It is its key here.
        """
        self._of[cut_off] = self._of.get(cut_off, 0) + size
        self.total += size
        while self.total > self.max_bytes:
            longest = next(iter(self._of))
            waiting = self._of[longest]
            self.remove(longest)
            longest(
                f"it does not read: {waiting} bytes wait for it, and over "
                f"max_unsent_bytes of {self.max_bytes} bytes for all connections"
            )

    def remove(self, cut_off: Callable[[str], None]) -> None:
        """
        Forget a connection: it took all, or is gone.
        """
        self.total -= self._of.pop(cut_off, 0)
