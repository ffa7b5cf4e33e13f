"""
Bytes in, whole frames out, whatever the split.

A frame that is not whole yet is gathered in one buffer, so that many tiny pieces
take no more memory than their bytes and each byte is copied a fixed number of
times; a frame that is too large is never kept at all.
"""

from __future__ import annotations

__all__ = ["Inbox"]


class Inbox:
    """
    What came and was not used yet.
    """

    __slots__ = ("_kept", "_need", "_skip")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._need = 0
        self._skip = 0

    def add(self, data: bytes) -> bytes:
        """
        Return all bytes that can be looked at now: empty while too few are here.
        """
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        kept = self._kept
        if not kept:
            return data
        kept += data
        if len(kept) < self._need:
            return b""
        self._kept = bytearray()
        return bytes(kept)

    def keep(self, rest: bytes, need: int) -> None:
        """
        Keep what is left of the bytes that `add` gave; ``need`` in all are needed.
        """
        self._kept = bytearray(rest)
        self._need = need

    def skip(self, size: int) -> None:
        """
        Drop so many bytes that have not come yet.
        """
        self._skip = size
