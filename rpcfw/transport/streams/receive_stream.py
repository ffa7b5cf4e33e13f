"""
The messages of a stream that have come and were not taken yet.

What is in it is bounded by the flow control of the wire: a message's cost is
reported as consumed only when the application takes it.
"""

from __future__ import annotations

from collections import deque

from rpcfw.errors import CallError
from rpcfw.spi.events import MessageReceived
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver

__all__ = ["ReceiveStream"]


class ReceiveStream:
    """
    One direction of one stream, at its reader's end. One reader at a time.

    Args:
        driver: the connection that the messages come by.
    """

    def __init__(self, driver: Driver) -> None:
        self._call_id = 0
        self._driver = driver
        # Plain tuples, not the events: the garbage collector stops looking at those, and a
        # peer may make a process keep hundreds of thousands of tiny messages. With events a
        # full collection of them held the reactor for seconds.
        self._messages: deque[tuple[bytes, str]] = deque()
        self._costs: deque[int] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self._waiter: Waiter[None] | None = None

    @property
    def closed(self) -> bool:
        """
        Whether no further message will come.
        """
        return self._closed

    def put(self, event: MessageReceived) -> None:
        self._call_id = event.call_id
        self._messages.append((event.body, event.encoding))
        self._costs.append(event.cost)
        self._wake()

    def close(self, error: BaseException | None = None) -> None:
        """
        Say that no more will come.

        What the peer says, its end or its error, is read after what it said before; what
        fails here overtakes what is waiting.
        """
        if self._closed:
            return
        self._closed = True
        self._error = error
        if error is not None and not (isinstance(error, CallError) and error.remote):
            self._messages.clear()
            self._costs.clear()
        self._wake()

    async def take(self) -> tuple[bytes, str] | None:
        """
        Return the next message's bytes and its compression, or None at the end.

        Raises:
            BaseException: what `close` was given.
            RuntimeError: another reader waits already.
        """
        while not self._messages:
            if self._error is not None:
                raise self._error
            if self._closed:
                return None
            if self._waiter is not None and not self._waiter.called:
                raise RuntimeError("a stream has one reader at a time; another one waits")
            self._waiter = Waiter()
            await self._waiter
        message = self._messages.popleft()
        # Behind a half-close too: on some wires it is the connection's window that waits
        # for it. A machine that has forgotten the call does nothing.
        self._driver.consumed(self._call_id, self._costs.popleft(), len(message[0]))
        return message

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)
