"""
Closed connections whose sockets still have bytes to write.

The last bytes of a connection, the responses of cancelled calls and the close reason, are
written by the reactor after the close. If a process stopped its reactor earlier, its peers
would not get them. So a stop waits for these connections. Each has its own limit,
`rpcfw.transport.connection.connection.LINGER_S`, after which it is cut off.
"""

from __future__ import annotations

from rpcfw.spi.runtime.event import Event

__all__ = ["Lingering"]


class Lingering:
    """
    The closed connections of one process.
    """

    def __init__(self) -> None:
        self._connections: set[object] = set()
        self._gone = Event()
        self._gone.set()

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: object) -> None:
        """
        Note a connection that is closed and whose socket is not.
        """
        self._connections.add(connection)
        self._gone.clear()

    def discard(self, connection: object) -> None:
        """
        Note that a connection's socket is closed.
        """
        self._connections.discard(connection)
        if not self._connections:
            self._gone.set()

    async def when_gone(self) -> None:
        """
        Return once every socket is closed.
        """
        await self._gone.wait()
