"""
How many connections a server takes: in all, and from one address.

Counted from when they are accepted until their sockets are closed: those too whose TLS
handshake never ends, and those that were closed here and wait for the peer.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from twisted.logger import Logger

from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.peer_host import ip_of, network_of

__all__ = ["Capacity", "origin_of"]

_log = Logger()


class Capacity:
    """
    The open connections of one server, over all its ports.

    Args:
        max_connections: in all.
        max_per_address: from one address; 0 for any number.
        seconds: what time it is, for the log's pace.
    """

    def __init__(
        self, max_connections: int, max_per_address: int, seconds: Callable[[], float]
    ) -> None:
        self._log = LimitedLog(_log, seconds)
        self._max_connections = max_connections
        self._max_per_address = max_per_address or inf
        self._open = 0
        #: How many connections were closed, by the option whose limit was reached.
        self.refused = {"max_connections": 0, "max_connections_per_address": 0}
        self._from: dict[str, int] = {}

    def __len__(self) -> int:
        return self._open

    def enter(self, address: Any) -> bool:
        """
        Count a new connection; return whether it may stay. One that may not is not counted.

        Args:
            address: of the peer, as Twisted has it.
        """
        origin = origin_of(address)
        if self._open >= self._max_connections:
            self.refused["max_connections"] += 1
            self._log.warn_of(
                "full",
                "a connection was closed: max_connections of {limit} are open",
                limit=self._max_connections,
            )
            return False
        count = self._from.get(origin, 0)
        if origin and count >= self._max_per_address:
            self.refused["max_connections_per_address"] += 1
            self._log.warn_of(
                "address",
                "a connection of {origin} was closed: max_connections_per_address of {limit} "
                "are open (0 allows any number, as behind a proxy)",
                origin=origin,
                limit=self._max_per_address,
            )
            return False
        self._open += 1
        if origin:
            self._from[origin] = count + 1
        return True

    def leave(self, address: Any) -> None:
        """
        Remove a connection that `enter` counted: its socket is closed.
        """
        self._open -= 1
        origin = origin_of(address)
        if origin:
            count = self._from.pop(origin) - 1
            if count:
                self._from[origin] = count


def origin_of(address: Any) -> str:
    """
    Return what counts as one address; empty for peers on this machine, which all do.

    Sidecars and proxies call from there, for many others.
    """
    host = getattr(address, "host", None) or ""  # a Unix socket has none, nor has memory
    ip = ip_of(host)
    return "" if ip is None or ip.is_loopback else network_of(host)
