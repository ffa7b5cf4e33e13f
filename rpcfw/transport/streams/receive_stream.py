"""
The receiving end of a stream: messages that arrived and were not taken yet.

Their number is bounded by the flow control of the wire: a message is reported as consumed only
when the application takes it.
"""

from __future__ import annotations

from collections import deque

from rpcfw.errors import CallError
from rpcfw.spi.events import MessageReceived
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver
from rpcfw.values.stream_messages import StreamMessages

__all__ = ["ReceiveStream"]


class ReceiveStream:
    """
    The receiving end of one stream. It has one reader at a time.

    Args:
        driver: the connection.
        messages: counts them.
    """

    def __init__(self, driver: Driver, messages: StreamMessages) -> None:
        self._counts = messages
        self._call_id = 0
        self._driver = driver
        # Plain tuples, not the events: the garbage collector stops tracking tuples of bytes and
        # text. A peer may make a process keep hundreds of thousands of tiny messages; with
        # events, a full collection stopped the reactor for seconds.
        self._messages: deque[tuple[bytes, str]] = deque()
        self._costs: deque[int] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self._waiter: Waiter[None] | None = None

    @property
    def closed(self) -> bool:
        """
        Whether no further message will arrive.
        """
        return self._closed

    def put(self, event: MessageReceived) -> None:
        self._call_id = event.call_id
        self._counts.received += 1
        self._messages.append((event.body, event.encoding))
        self._costs.append(event.cost)
        self._wake()

    def close(self, error: BaseException | None = None) -> None:
        """
        Note that no further message will arrive.

        What the peer reports, its end or its error, is read after its messages. An error of
        this side overtakes the messages that wait.
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
            BaseException: the error that `close` got.
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
