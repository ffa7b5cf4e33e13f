"""
The sending end of a stream: waits for the flow-control window and for the socket.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.codec import Coder
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.payload import Payload
from rpcfw.values.stream_messages import StreamMessages

__all__ = ["SendStream"]

#: Bytes that one writer may send before it lets others run. Otherwise a writer that never has
#: to wait, and its reader, would keep the reactor for themselves; and within a turn nothing
#: would be written before its end.
_BURST_BYTES = 64 << 10
#: The cost of a message in addition to its bytes.
_MESSAGE_BYTES = 64


class SendStream:
    """
    The sending end of one stream. It has one writer at a time.

    Args:
        driver: the connection.
        payload: how messages become bytes.
        coder: of the messages' type.
        what: how errors name a message.
        accepts: compression methods that the reader can decompress.
        messages: counts them.
        call_id: the call on the connection; known once it is begun.
    """

    def __init__(
        self,
        driver: Driver,
        payload: Payload,
        coder: Coder,
        what: str,
        accepts: tuple[str, ...],
        messages: StreamMessages,
        call_id: int = 0,
    ) -> None:
        self.call_id = call_id
        self._driver = driver
        self._payload = payload
        self._coder = coder
        self._what = what
        self._accepts = accepts
        self.messages = messages
        #: Compression that its messages may have.
        self.encoding = payload.encoding_for(accepts)
        self._compression: str | None = None
        self._takes_more = True
        self._burst_bytes = 0
        self._waiter: Waiter[None] | None = None
        self._error: CallError | None = None

    def compress(self, compression: str) -> None:
        """
        Compress all messages, small ones too. Called before the first.

        Raises:
            Unimplemented: there is no such compression here.
        """
        self._compression = compression
        self.encoding = ""
        if compression != "none":
            self._payload.compressor(compression)
            self.encoding = compression

    def compress_if_accepted(self, compression: str) -> None:
        """
        The same; if the reader cannot decompress it, messages are not compressed.
        """
        self.compress(compression if compression in self._accepts else "none")

    async def send(self, message: object) -> None:
        """
        Send one message; return when the next one may be sent.

        Raises:
            CallError: the call is over, or the message is not of the method's type.
        """
        if self._driver.full:
            # If a thousand writers resume together, the first ones fill the socket.
            await self._driver.when_writable()
        if self._error is not None:
            raise self._error
        body, encoding = self._payload.write(self._coder, message, self._what), ""
        if self._compression is not None:
            body, encoding = self._payload.compress_as(body, self._compression)
        elif len(body) > self._payload.threshold_bytes:
            body, encoding = self._payload.compress(body, self._accepts)
        if not self._takes_more:
            # The previous `send` was cancelled while it waited: its message was sent.
            await self._wait_for_window()
        self._takes_more = self._driver.send(self.call_id, body, encoding)
        self.messages.sent += 1
        self._burst_bytes += len(body) + _MESSAGE_BYTES
        if not self._takes_more:
            await self._wait_for_window()
        elif self._burst_bytes > _BURST_BYTES:
            self._burst_bytes = 0
            await self._driver.next_turn()
        if self._driver.full:
            await self._driver.when_writable()
        if self._error is not None:
            raise self._error

    async def _wait_for_window(self) -> None:
        while not self._takes_more:
            self._waiter = Waiter()
            await self._waiter
        if self._error is not None:
            raise self._error

    def writable(self) -> None:
        """
        The flow-control window is open again.
        """
        self._takes_more = True
        self._wake()

    def close(self, error: CallError) -> None:
        """
        Let a waiting `send`, and each later one, fail with ``error``.
        """
        self._error = error
        self._takes_more = True
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)
