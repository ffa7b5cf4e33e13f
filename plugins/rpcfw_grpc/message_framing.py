"""
Length-prefixed messages in the bytes of a stream: a flag, four bytes of length, the message.

Where DATA frames begin and end says nothing about where messages do.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

__all__ = [
    "DATA_AND_PREFIX",
    "DATA_AND_PREFIX_BYTES",
    "PREFIX",
    "PREFIX_BYTES",
    "BadFraming",
    "MessageReader",
    "TooLarge",
]

PREFIX: Final = Struct(">BL")
PREFIX_BYTES: Final = PREFIX.size
#: The header of a DATA frame, as `frames.KIND_HEADER`, and the prefix of its first message.
DATA_AND_PREFIX: Final = Struct(">HBHLBL")
DATA_AND_PREFIX_BYTES: Final = DATA_AND_PREFIX.size

_SMALL_BYTES = 1024


class BadFraming(Exception):
    """
    What came is no message: the call cannot be read any further.
    """


class TooLarge(Exception):
    """
    A message was announced that is over the limit.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class MessageReader:
    """
    Cuts a stream's bytes into messages.

    Takes no memory for a message before its announced size was checked.

    Args:
        limit_bytes: the largest message.
    """

    __slots__ = ("_chunks", "_flag", "_have", "_limit", "_whole")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        # Pieces of the prefix, then, without it, of the message.
        self._chunks: list[bytes | bytearray] = []
        self._flag = 0
        # Bytes that are here, and bytes of the whole: both with the prefix.
        self._have = 0
        self._whole = 0

    @property
    def partial(self) -> int:
        """
        How many bytes wait for the rest of their message.
        """
        return self._have

    @property
    def whole(self) -> int:
        """
        How many bytes the unfinished message will have, 0 if that is unknown.
        """
        return self._whole

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """
        Take bytes and return the messages that are now whole: (flag, body) each.

        Raises:
            BadFraming: a flag that nobody knows.
            TooLarge: a message over the limit was announced.
        """
        messages: list[tuple[int, bytes]] = []
        at = 0
        if self._have and not self._whole:
            data = b"".join((*self._chunks, data))
            self._chunks.clear()
            self._have = 0
        while at < len(data):
            if not self._whole:
                if len(data) - at < PREFIX_BYTES:
                    self.keep(data[at:])
                    break
                self._begin(data, at)
                at += PREFIX_BYTES
            stop = at + self._whole - self._have
            if stop > len(data):
                self.keep(data[at:] if at else data)
                break
            messages.append((self._flag, self._finish(data[at:stop])))
            at = stop
        return messages

    def _begin(self, data: bytes, at: int) -> None:
        flag, size = PREFIX.unpack_from(data, at)
        if flag > 1:
            raise BadFraming(f"a message begins with 0 or 1; {flag} came")
        if size > self._limit:
            raise TooLarge(size)
        self._flag = flag
        self._have = PREFIX_BYTES
        self._whole = PREFIX_BYTES + size

    def keep(self, data: bytes) -> None:
        """
        Take bytes that are part of the unfinished message, and not its end.
        """
        self._have += len(data)
        # A peer that sends byte by byte must not cost us an object for each.
        if len(data) >= _SMALL_BYTES:
            self._chunks.append(data)
        elif self._chunks and type(self._chunks[-1]) is bytearray:
            self._chunks[-1] += data
        elif data:
            self._chunks.append(bytearray(data))

    def clear(self) -> None:
        """
        Drop the unfinished message: nobody will read it.
        """
        self._chunks.clear()
        self._have = self._whole = 0

    def _finish(self, last: bytes) -> bytes:
        self._have = self._whole = 0
        if not self._chunks:
            return last
        body = b"".join((*self._chunks, last))
        self._chunks.clear()
        return body
