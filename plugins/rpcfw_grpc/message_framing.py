"""
Length-prefixed messages in the bytes of a stream: a flag, four bytes of length, the message.

Where DATA frames begin and end says nothing about where messages do.
"""

from __future__ import annotations

from io import BytesIO
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

    Takes no memory for a message before its announced size was checked, and then as its bytes come.

    Args:
        limit_bytes: the largest message.

    Attributes:
        partial: how many bytes wait for the rest of their message, with its prefix.
        whole: how many bytes the unfinished message will have, 0 if that is unknown.
    """

    __slots__ = ("_body", "_flag", "_limit", "_prefix", "partial", "whole")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._prefix = b""
        self._flag = 0
        # Each byte is copied once, from what was read: CPython gives the buffer out as it is.
        # To keep pieces and join them is another copy, 15 us for a mebibyte.
        self._body: BytesIO | None = None
        self.partial = 0
        self.whole = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """
        Take bytes and return the messages that are now whole: (flag, body) each.

        Raises:
            BadFraming: a flag that nobody knows.
            TooLarge: a message over the limit was announced.
        """
        messages: list[tuple[int, bytes]] = []
        at = 0
        if self._prefix:
            data = self._prefix + data
            self.clear()
        while at < len(data):
            if not self.whole:
                if len(data) - at < PREFIX_BYTES:
                    self._prefix = data[at:]
                    self.partial = len(data) - at
                    break
                self._begin(data, at)
                at += PREFIX_BYTES
            stop = at + self.whole - self.partial
            if stop > len(data):
                self.keep(memoryview(data)[at:])
                break
            messages.append((self._flag, self._finish(data, at, stop)))
            at = stop
        return messages

    def _begin(self, data: bytes, at: int) -> None:
        flag, size = PREFIX.unpack_from(data, at)
        if flag > 1:
            raise BadFraming(f"a message begins with 0 or 1; {flag} came")
        if size > self._limit:
            raise TooLarge(size)
        self._flag = flag
        self.partial = PREFIX_BYTES
        self.whole = PREFIX_BYTES + size

    def keep(self, piece: memoryview) -> None:
        """
        Take bytes that are part of the unfinished message, and not its end.
        """
        self.partial += len(piece)
        if self._body is None:
            self._body = BytesIO()
        self._body.write(piece)

    def clear(self) -> None:
        """
        Drop the unfinished message: nobody will read it.
        """
        self._prefix = b""
        self._body = None
        self.partial = self.whole = 0

    def _finish(self, data: bytes, at: int, stop: int) -> bytes:
        self.partial = self.whole = 0
        body, self._body = self._body, None
        if body is None:
            return data[at:stop]
        body.write(memoryview(data)[at:stop])
        return body.getvalue()
