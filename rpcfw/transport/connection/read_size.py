"""
How many bytes are read from a socket at once.

After a read that filled its buffer, the next one is larger: a large message then takes few
reads, and small ones need no large buffer. But a machine handles all bytes of a read together.
If that took long, as with thousands of tiny frames, the next read is smaller, so that other
connections have their turn.
"""

from __future__ import annotations

from typing import Any

__all__ = ["READ_BYTES", "SMALL_READ_BYTES", "ReadSize"]

READ_BYTES = 64 << 10
SMALL_READ_BYTES = 8 << 10
_LARGE_READ_BYTES = 1 << 20
#: After a read that the machine needed so long for, the next one is smaller.
_LONG_S = 0.004
#: Reads stay small while each takes this long.
_STILL_LONG_S = _LONG_S / 8


class ReadSize:
    """
    How many bytes are read from one connection's socket at once.
    """

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = READ_BYTES

    def adapt(self, transport: Any, size: int, took_s: float, *, large: bool) -> None:
        """
        Choose the size of the next read.

        Args:
            transport: what reads. Twisted's socket transports look at their ``bufferSize``
                for each read; others ignore it.
            size: number of bytes that were read.
            took_s: how long the machine needed for them.
            large: they were few messages.
        """
        chosen = _next_size(self.bytes, size, took_s, large=large)
        if chosen != self.bytes:
            self.bytes = transport.bufferSize = chosen


def _next_size(before: int, size: int, took_s: float, *, large: bool) -> int:
    full_and_long = before == SMALL_READ_BYTES <= size and took_s >= _STILL_LONG_S
    if took_s >= _LONG_S or full_and_long:
        return SMALL_READ_BYTES
    return _LARGE_READ_BYTES if large and size >= READ_BYTES else READ_BYTES
