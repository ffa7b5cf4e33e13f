"""
Messages out, as DATA under flow control.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.message_framing import DATA_AND_PREFIX, PREFIX, PREFIX_BYTES

__all__ = ["MessageSender"]

_DATA = frames.kind_of(frames.DATA)


class MessageSender:
    """
    Sends the messages of one connection.

    Args:
        limits: for the largest message.
        connection: where they go.
    """

    __slots__ = ("_max_send_bytes", "_outbound", "_streams")

    def __init__(self, limits: Limits, connection: Connection[Any, Any]) -> None:
        self._max_send_bytes = limits.max_send_bytes
        self._streams = connection.streams
        self._outbound = connection.streams.outbound

    def check_size(self, size: int) -> None:
        """
        Refuse a message that is too large.

        Raises:
            MessageTooLarge: names the option.
        """
        if size > self._max_send_bytes:
            raise MessageTooLarge(
                f"{size} bytes to send, over max_send_bytes of {self._max_send_bytes} bytes"
            )

    def send(self, stream: Stream[Any], body: bytes, flag: int) -> bool:
        """
        Send a message; return whether more may be sent at once.

        Args:
            flag: 1 if it is compressed.
        """
        length = len(body) + PREFIX_BYTES
        outbound = self._outbound
        if outbound.reserve(stream, length):
            # One DATA frame: most messages of most streams.
            size = len(body)
            outbound.out += (
                DATA_AND_PREFIX.pack(length >> 8, length & 0xFF, _DATA, stream.id, flag, size),
                body,
            )
            return True
        self.queue(stream, body, flag)
        self._streams.flush(stream)
        stream.blocked = bool(stream.outgoing.size)
        return not stream.blocked

    def queue(self, stream: Stream[Any], body: bytes, flag: int) -> None:
        """
        Have a message wait for flow control.
        """
        self._outbound.queue(stream, PREFIX.pack(flag, len(body)))
        self._outbound.queue(stream, body)
