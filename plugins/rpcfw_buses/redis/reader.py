"""
The frames of a Redis server, version 3 of its protocol (RESP3).

See "Redis serialization protocol specification" at https://redis.io/docs. A frame begins with
the letter of its type, and a line that ends with CR LF. A bulk string has its size there, an
aggregate the number of its elements.

Messages arrive as pushes, and may be large. Everything else is a reply to what we sent, and
small. Memory is taken for bytes that have arrived, never for a size that was announced.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rpcfw.spi.runtime.frame_buffer import FrameBuffer
from rpcfw_buses.broker.machine import BrokerError

__all__ = ["RESPError", "RESPReader"]

_CRLF = b"\r\n"
#: A push of three elements: "message", the channel, and the payload. Redis writes it so.
_MESSAGE = b">3\r\n$7\r\nmessage\r\n$"
#: Of a reply; that to HELLO has less than 1 KiB, and more with modules.
_MAX_REPLY_BYTES = 16 << 10
_MAX_ELEMENTS = 256
_MAX_DEPTH = 8
#: Of a size in decimal: a bulk string has no more than 512 MiB by default.
_MAX_DIGITS = 9
_MAX_CHANNEL_BYTES = 256

#: Of 64 bits.
_INTEGER = re.compile(rb"[+-]?[0-9]{1,19}\Z")

_BULK = frozenset(b"$=!")
#: Elements for each that is counted.
_AGGREGATES = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2}
_LINES = frozenset(b"+-:_#,(")


class RESPError(str):
    """
    The text of an error that the server replied.
    """

    __slots__ = ()


class _IncompleteError(Exception):
    """
    More bytes are needed.

    Args:
        end: so many bytes are needed at least.
    """

    def __init__(self, end: int) -> None:
        super().__init__()
        self.end = end


class RESPReader:
    """
    Bytes to messages and replies.

    Args:
        on_message: called with the channel and the payload of each message.
        on_reply: called with any other frame: an int, a text, bytes, a list (for a map: of keys
            and values in turn), or a `RESPError`.
        on_skipped: called at each payload that is skipped, since it is too large.
        max_message_bytes: the largest that is not.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, bytes], None],
        on_reply: Callable[[Any], None],
        on_skipped: Callable[[], None],
        max_message_bytes: int,
    ) -> None:
        self._on_message = on_message
        self._on_reply = on_reply
        self._on_skipped = on_skipped
        self._max_message_bytes = max_message_bytes
        self._buffer = FrameBuffer()

    def receive(self, data: bytes) -> None:
        """
        Take bytes that arrived.

        Raises:
            BrokerError: they are none of a Redis server.
        """
        data = self._buffer.add(data)
        position = 0
        try:
            while position < len(data):
                if data.startswith(_MESSAGE, position):
                    position = self._message(data, position)
                else:
                    position = self._reply(data, position)
        except _IncompleteError as incomplete:
            self._buffer.keep(data[position:], incomplete.end - position)
            return
        if position > len(data):
            self._buffer.skip(position - len(data))

    def _message(self, data: bytes, position: int) -> int:
        """
        Read a message, and return where it ends; beyond the data if the rest is skipped.
        """
        size, start = _size(data, position + len(_MESSAGE))
        if size > _MAX_CHANNEL_BYTES:
            raise BrokerError(f"a channel has {size} bytes")
        channel, after = _bulk(data, start, size)
        if data[after : after + 1] not in (b"$", b""):
            raise BrokerError("the payload of a message is no bulk string")
        size, start = _size(data, after + 1)
        if size > self._max_message_bytes:
            self._on_skipped()
            return start + size + len(_CRLF)
        payload, after = _bulk(data, start, size)
        self._on_message(channel, payload)
        return after

    def _reply(self, data: bytes, position: int) -> int:
        try:
            reply, after = _value(data, position, _MAX_DEPTH)
        except _IncompleteError as incomplete:
            _check_reply(max(incomplete.end, len(data)) - position)
            raise
        _check_reply(after - position)
        self._on_reply(reply)
        return after


def _check_reply(size: int) -> None:
    if size > _MAX_REPLY_BYTES:
        raise BrokerError(f"a reply is larger than {_MAX_REPLY_BYTES} bytes")


def _value(data: bytes, position: int, depth: int) -> tuple[Any, int]:
    """
    Read a value, and return it and where it ends.
    """
    kind = data[position] if position < len(data) else None
    if kind is None:
        raise _IncompleteError(position + 1)
    if kind in _LINES:
        line, after = _line(data, position + 1, _MAX_REPLY_BYTES)
        return _of_line(kind, line), after
    if kind in _BULK:
        size, start = _size(data, position + 1)
        return _bulk(data, start, size)
    if kind not in _AGGREGATES or not depth:
        raise BrokerError(f"expected a reply of Redis, got {data[position : position + 20]!r}")
    count, after = _size(data, position + 1)
    if count > _MAX_ELEMENTS:
        raise BrokerError(f"a reply has {count} elements")
    values = []
    for _ in range(count * _AGGREGATES[kind]):
        value, after = _value(data, after, depth - 1)
        values.append(value)
    return values, after


def _of_line(kind: int, line: bytes) -> Any:
    text = line.decode("utf-8", "replace")
    if kind == ord("-"):
        return RESPError(text)
    if kind != ord(":"):
        return text
    if not _INTEGER.match(line):
        raise BrokerError(f"expected an integer, got {text[:30]!r}")
    return int(text)


def _line(data: bytes, start: int, max_bytes: int) -> tuple[bytes, int]:
    """
    Return a line and where the next begins.
    """
    end = data.find(_CRLF, start, start + max_bytes + len(_CRLF))
    if end >= 0:
        return data[start:end], end + len(_CRLF)
    if len(data) - start > max_bytes + 1:
        raise BrokerError(f"a line is longer than {max_bytes} bytes")
    raise _IncompleteError(len(data) + 1)


def _size(data: bytes, start: int) -> tuple[int, int]:
    """
    Return a size, and where what has it begins.
    """
    line, after = _line(data, start, _MAX_DIGITS)
    if not line.isdigit():
        raise BrokerError(f"expected a size, got {line!r}")
    return int(line), after


def _bulk(data: bytes, start: int, size: int) -> tuple[bytes, int]:
    """
    Return the bytes of a bulk string, and where it ends.
    """
    stop = start + size
    after = stop + len(_CRLF)
    if after > len(data):
        raise _IncompleteError(after)
    if data[stop:after] != _CRLF:
        raise BrokerError("a bulk string does not end with CR LF")
    return data[start:stop], after
