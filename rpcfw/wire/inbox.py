"""
Bytes in, whole frames out, whatever the split.

A frame that is not whole yet is kept as the pieces it came in, so that a large one
costs one join and no more; a frame that is too large is never kept at all.
"""

from __future__ import annotations

__all__ = ["Inbox"]


class Inbox:
    """
    What came and was not used yet.
    """

    __slots__ = ("_have", "_need", "_pieces", "_skip")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._have = 0
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
        if not self._pieces:
            return data
        self._pieces.append(data)
        self._have += len(data)
        if self._have < self._need:
            return b""
        whole = b"".join(self._pieces)
        self._pieces = []
        return whole

    def keep(self, rest: bytes, need: int) -> None:
        """
        Keep what is left of the bytes that `add` gave; ``need`` in all are needed.
        """
        if rest:
            self._pieces = [rest]
            self._have = len(rest)
            self._need = need

    def skip(self, size: int) -> None:
        """
        Drop so many bytes that have not come yet.
        """
        self._skip = size
