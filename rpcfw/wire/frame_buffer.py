"""
Bytes in, whole frames out, whatever the split.

The pieces of a frame that is not whole yet are joined once, when it is; tiny ones
are gathered as they come, so that they take little more memory than their bytes. A
frame that is too large is never kept at all.
"""

from __future__ import annotations

__all__ = ["FrameBuffer"]

#: Pieces below this are gathered in one buffer.
_TINY_BYTES = 1024


class FrameBuffer:
    """
    What came and was not used yet.
    """

    __slots__ = ("_kept", "_need", "_pieces", "_skip", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes | bytearray] = []
        #: Bytes that are kept.
        self.size = 0
        self._need = 0
        self._skip = 0
        self._kept = 0

    @property
    def unfinished(self) -> int:
        """
        Which frame has come in part: see `rpcfw.spi.machine.Machine`.
        """
        return self._kept if self.size or self._skip else 0

    def add(self, data: bytes) -> bytes:
        """
        Return all bytes that can be looked at now: empty while too few are here.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
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
        Keep what is left of the bytes that `add` gave; ``need`` in all are needed.
        """
        self._put(rest)
        self._need = need
        self._kept += 1

    def _put(self, data: bytes) -> None:
        self.size += len(data)
        pieces = self._pieces
        if len(data) >= _TINY_BYTES:
            pieces.append(data)
        elif pieces and type(pieces[-1]) is bytearray:
            pieces[-1] += data
        else:
            pieces.append(bytearray(data))

    def skip(self, size: int) -> None:
        """
        Drop so many bytes that have not come yet.
        """
        self._skip = size
        self._kept += 1
