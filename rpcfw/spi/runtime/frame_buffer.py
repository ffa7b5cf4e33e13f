"""
Buffers bytes until whole frames are there, however they were split.

The pieces of an incomplete frame are joined once, when it is complete. Tiny pieces are
joined as they arrive, so that they need little more memory than their bytes. A frame that is
too large is never kept at all.
"""

from __future__ import annotations

__all__ = ["FrameBuffer", "add_piece"]

#: Smaller pieces are joined in one buffer.
_TINY_BYTES = 1024


def add_piece(pieces: list[bytes | bytearray], data: bytes) -> None:
    """
    Add bytes to those that will be joined.

    An object of two bytes takes 56, so a peer that writes byte by byte could make us hold twenty
    times what is counted.
    """
    if len(data) >= _TINY_BYTES:
        pieces.append(data)
    elif pieces and type(pieces[-1]) is bytearray:
        pieces[-1] += data
    else:
        pieces.append(bytearray(data))


class FrameBuffer:
    """
    Bytes that arrived and were not used yet.
    """

    __slots__ = ("_kept", "_need", "_pieces", "size", "to_skip")

    def __init__(self) -> None:
        self._pieces: list[bytes | bytearray] = []
        #: Bytes that are kept.
        self.size = 0
        #: Bytes that will be dropped when they arrive. While there are none, and none are kept,
        #: what arrives can be read as it is, and `add` need not be called.
        self.to_skip = 0
        self._need = 0
        self._kept = 0

    @property
    def unfinished(self) -> int:
        """
        The number of an incomplete frame: see `rpcfw.spi.machine.Machine.unfinished_frame`.
        """
        return self._kept if self.size or self.to_skip else 0

    def add(self, data: bytes) -> bytes:
        """
        Return the bytes that can be read now; empty while these are too few.
        """
        if self.to_skip:
            skipped = min(self.to_skip, len(data))
            self.to_skip -= skipped
            data = data[skipped:]
        if not self.size:
            return data
        self._put(data)
        if self.size < self._need:
            return b""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return data

    def keep(self, rest: bytes, need: int) -> None:
        """
        Keep the rest of the bytes that `add` returned, until there are ``need`` bytes in all.
        """
        self._put(rest)
        self._need = need
        self._kept += 1

    def _put(self, data: bytes) -> None:
        self.size += len(data)
        add_piece(self._pieces, data)

    def skip(self, size: int) -> None:
        """
        Drop this many of the bytes that arrive next.
        """
        self.to_skip = size
        self._kept += 1
