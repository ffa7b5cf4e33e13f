"""
The memory that peers make a process hold, for all its connections together.

A connection holds what its peer does not read, what the peer sent and nobody has taken yet,
and calls that have to wait. Each of these has its own limits on one connection. But many
connections at once could still fill the memory; so all of it is counted here, in one sum.

One connection may hold `max_connection_bytes`. While all together hold more than half of
their limit, each may only have its part of that half. `rpcfw.transport.connection.turns` has
what a connection does that is over its share: it postpones calls, and ends those that hold
most. If the sum still grows over the limit, a connection is closed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from rpcfw.spi.runtime.rate_limit import LimitedLog

__all__ = ["GRAIN_BYTES", "BufferQuota", "Buffering"]

#: A change of what is held is reported from this size on.
GRAIN_BYTES = 4 << 10

#: The smallest share, however many connections there are.
_MIN_SHARE_BYTES = 64 << 10


class Buffering(ABC):
    """
    A connection, as the quota sees it.
    """

    @abstractmethod
    def cut_off(self, reason: str) -> None:
        """
        Close at once, and release all memory.
        """

    @abstractmethod
    def share_grew(self) -> None:
        """
        Resume calls that were postponed because the share was too small.
        """


class BufferQuota:
    """
    The memory that connections hold.

    Args:
        max_bytes: limit for all of them together. Above it a connection is closed: of those
            that hold more than the average, the one that has released nothing for longest.
        max_connection_bytes: limit for one of them.
        log: reports each connection that is closed; None: none is reported.
    """

    def __init__(
        self,
        max_bytes: int,
        max_connection_bytes: int = 16 << 20,
        log: LimitedLog | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_connection_bytes = max_connection_bytes
        self.total = 0
        self._log = log
        # In the order in which connections last released memory, or began to hold any.
        self._held: dict[Buffering, int] = {}
        self._scarce = False

    @property
    def share(self) -> int:
        """
        The limit of one connection at present.
        """
        half = self.max_bytes // 2
        if self.total <= half:
            return self.max_connection_bytes
        part = max(half // max(len(self._held), 1), _MIN_SHARE_BYTES)
        return min(part, self.max_connection_bytes)

    def set(self, connection: Buffering, size: int) -> None:
        """
        Note how many bytes a connection holds now.
        """
        before = self._held.get(connection, 0)
        self.total += size - before
        if size < before:
            del self._held[connection]
        if size:
            self._held[connection] = size
        if self.total > self.max_bytes:
            self._close_some()
        scarce = self.total > self.max_bytes // 2
        if self._scarce and not scarce:
            self._scarce = False
            for each in tuple(self._held):
                each.share_grew()
        self._scarce = scarce

    def log_ended(self, peer: str, count: int) -> None:
        """
        Report that calls of a connection were ended because of what they hold.
        """
        if self._log is not None:
            self._log.warn_of(
                "unread",
                "{count} calls of {peer} were ended: too many of their messages were not read",
                count=count,
                peer=peer,
            )

    def _close_some(self) -> None:
        while self.total > self.max_bytes:
            average = self.total / len(self._held)
            connection = next(each for each, size in self._held.items() if size >= average)
            size = self._held.pop(connection)
            self.total -= size
            reason = (
                f"it made this process hold {size} bytes, and all connections hold more than "
                f"max_buffered_bytes of {self.max_bytes} bytes"
            )
            if self._log is not None:
                self._log.warn_of("buffers", "a connection was closed: {reason}", reason=reason)
            connection.cut_off(reason)
