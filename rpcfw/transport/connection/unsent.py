"""
The memory that answers take while their readers do not read.

A connection is *full* while its socket takes no more: what is written to it then stays in
memory until the peer reads. Where a wire has flow control, a peer can also read and grant
no room. A server cannot know whether either ever ends. So one connection begins no further
call while it is full, or while much of it waits for room; and all connections of a process
are bounded together.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.spi.runtime.rate_limit import LimitedLog

__all__ = ["UnsentBytes"]

CutOff = Callable[[str], None]


class UnsentBytes:
    """
    What waits to be sent, by connection. Each is known by what ends it at once.

    Args:
        max_bytes: of all of them together. Over it the connection is cut off that has let
            something wait for the longest time.
        max_connection_bytes: what may wait for room on one, before it begins no more calls.
        log: where a connection that is cut off is told; None for nowhere.
    """

    def __init__(
        self,
        max_bytes: int,
        max_connection_bytes: int = 16 << 20,
        log: LimitedLog | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_connection_bytes = max_connection_bytes
        self._log = log
        self.total = 0
        # What was written to the socket and what waits for room, in the order in which
        # connections began to let something wait.
        self._of: dict[CutOff, tuple[int, int]] = {}

    def add(self, cut_off: CutOff, size: int) -> None:
        """
        Count bytes that were written to a full connection.
        """
        written, waiting = self._of.get(cut_off, (0, 0))
        self._set(cut_off, written + size, waiting)

    def wait(self, cut_off: CutOff, size: int) -> None:
        """
        Note how many bytes wait for room now.
        """
        written, _ = self._of.get(cut_off, (0, 0))
        self._set(cut_off, written, size)

    def drained(self, cut_off: CutOff) -> None:
        """
        Note that a socket took all that was written to it.
        """
        _, waiting = self._of.get(cut_off, (0, 0))
        self._set(cut_off, 0, waiting)

    def remove(self, cut_off: CutOff) -> None:
        """
        Forget a connection: it is gone.
        """
        self._set(cut_off, 0, 0)

    def _set(self, cut_off: CutOff, written: int, waiting: int) -> None:
        before = self._of.get(cut_off, (0, 0))
        self.total += written + waiting - sum(before)
        if written or waiting:
            self._of[cut_off] = written, waiting
        else:
            self._of.pop(cut_off, None)
        while self.total > self.max_bytes:
            longest = next(iter(self._of))
            size = sum(self._of[longest])
            self.remove(longest)
            reason = (
                f"it does not read: {size} bytes wait for it, and over "
                f"max_unsent_bytes of {self.max_bytes} bytes for all connections"
            )
            if self._log is not None:
                self._log.warn_of("unsent", "a connection was closed: {reason}", reason=reason)
            longest(reason)
