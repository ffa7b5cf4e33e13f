"""
The open connections of a port for browsers and probes: a bounded number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
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

    When all slots are taken, the connection is closed that has waited longest for its peer to send
    a request, or to read a response. So a thousand that send slowly, or nothing, or that do not
    read, do not keep out a probe of a supervisor, which does both at once.

    When all slots of a host are taken, it is one of that host: who shares it with somebody that
    opens many, as behind a NAT, has a connection all the same.

    Args:
        max_connections: their number.
        max_per_host: the same for one host; None: no limit.
        uncounted: hosts without a limit of their own, as proxies.
    """

    def __init__(
        self,
        max_connections: int,
        max_per_host: int | None = None,
        uncounted: Collection[str] = (),
    ) -> None:
        self._max_connections = max_connections
        self._max_per_host = max_per_host
        self._uncounted = uncounted
        #: Their hosts; the one that has waited longest comes first.
        self._open: dict[Closable, str] = {}
        self._by_host: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: Closable, host: str = "") -> bool:
        """
        Take a slot; return whether there was one.

        Args:
            host: of the peer.
        """
        own = self._is_full(host)
        if own or len(self._open) >= self._max_connections:
            slowest = self._slowest(host if own else None)
            if slowest is None:
                return False
            self.leave(slowest)
            slowest.abort()
        self._open[connection] = host
        self._by_host[host] += 1
        return True

    def waits(self, connection: Closable) -> None:
        """
        Note that a connection waits for its peer from now on.
        """
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def leave(self, connection: Closable) -> None:
        """
        Give the slot back. May be called again.
        """
        host = self._open.pop(connection, None)
        if host is not None:
            self._by_host[host] -= 1
            if not self._by_host[host]:
                del self._by_host[host]

    def close(self) -> None:
        """
        Close all connections.
        """
        for connection in tuple(self._open):
            connection.abort()

    def _is_full(self, host: str) -> bool:
        limit = self._max_per_host
        return limit is not None and host not in self._uncounted and self._by_host[host] >= limit

    def _slowest(self, host: str | None) -> Closable | None:
        """
        Return the connection that has waited longest for its peer: of one host, or of all.
        """
        for each, its_host in self._open.items():
            if each.waits_for_peer and host in (None, its_host):
                return each
        return None
