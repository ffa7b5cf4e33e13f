"""
What a driver reports about its connection, as apart from its calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rpcfw.spi.events import ConnectionFailed, PingReceived, RequestReceived
from rpcfw.transport.connection.byte_counts import NOT_COUNTED, ByteCounts

if TYPE_CHECKING:
    from rpcfw.transport.connection.driver import Driver

__all__ = ["DriverObserver"]


class DriverObserver:
    """
    The owner of a driver is notified by these methods. Each one is optional.
    """

    #: Where the bytes of a connection are counted, by the name of its wire.
    bytes_of: Callable[[str], ByteCounts] = staticmethod(lambda wire: NOT_COUNTED)

    def connected(self, driver: Driver) -> None: ...

    def handshake_completed(self, driver: Driver) -> None: ...

    def accept(self, driver: Driver, event: RequestReceived) -> None: ...

    def pinged(self, driver: Driver, event: PingReceived) -> None: ...

    def goaway_received(self, driver: Driver, reason: str) -> None: ...

    def broken_off(self, driver: Driver, event: ConnectionFailed) -> None: ...

    def handshake_failed(self, peer: str, reason: str) -> None: ...

    def closed(self, driver: Driver, reason: str) -> None: ...

    def disconnected(self, driver: Driver) -> None:
        """
        The socket is closed; this may be some time after `closed`.
        """
