"""
The open connections of the admin port: a bounded number, none of which stays for long.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Closable", "ConnectionSlots"]


class Closable(Protocol):
    """
    A connection.
    """

    @property
    def waits_for_peer(self) -> bool:
        """
        Whether its request has not come in yet, or its response was not read yet.
        """

    def abort(self) -> None:
        """
        Close it at once. `ConnectionSlots.leave` follows.
        """


class ConnectionSlots:
    """
    Bounds the number of connections.

    When all slots are taken, the oldest connection is closed whose peer sends its request, or
    reads its response. So a thousand that send slowly, or nothing, or that do not read, do not
    keep out a probe of a supervisor, which does both at once.

    Args:
        max_connections: their number.
    """

    def __init__(self, max_connections: int) -> None:
        self._max_connections = max_connections
        self._open: dict[Closable, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: Closable) -> bool:
        """
        Take a slot; return whether there was one.
        """
        if len(self._open) >= self._max_connections:
            slowest = next((each for each in self._open if each.waits_for_peer), None)
            if slowest is None:
                return False
            del self._open[slowest]
            slowest.abort()
        self._open[connection] = None
        return True

    def leave(self, connection: Closable) -> None:
        """
        Give the slot back. May be called again.
        """
        self._open.pop(connection, None)

    def close(self) -> None:
        """
        Close all connections.
        """
        for connection in tuple(self._open):
            connection.abort()
