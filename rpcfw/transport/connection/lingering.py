"""
Connections that are closed and whose sockets still have something to write.

What is said last on a connection, the answers of calls that were given up and the good-bye,
is written by the reactor after the close. A process that ended its reactor before that
would have said nothing, so a stop waits here. Each of these connections has its own limit,
`rpcfw.transport.connection.connection.LINGER_S`, after which it is cut off.
"""

from __future__ import annotations

from rpcfw.spi.runtime.waiting import Waiter

__all__ = ["Lingering"]


class Lingering:
    """
    The closed connections of one process.
    """

    def __init__(self) -> None:
        self._connections: set[object] = set()
        self._waiting: list[Waiter[None]] = []

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: object) -> None:
        """
        A connection was closed; its socket is not.
        """
        self._connections.add(connection)

    def discard(self, connection: object) -> None:
        """
        A socket is closed.
        """
        self._connections.discard(connection)
        if not self._connections:
            waiting, self._waiting = self._waiting, []
            for waiter in waiting:
                if not waiter.called:
                    waiter.callback(None)

    async def when_gone(self) -> None:
        """
        Return once every socket is closed.
        """
        if self._connections:
            waiter: Waiter[None] = Waiter()
            self._waiting.append(waiter)
            await waiter
