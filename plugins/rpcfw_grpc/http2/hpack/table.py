"""
The dynamic table of header fields (RFC 7541, section 2.3.2).
"""

from __future__ import annotations

import logging

from hpack.table import HeaderTable

__all__ = ["CountingTable"]

# At DEBUG it writes every header that it sees, credentials among them.
logging.getLogger("hpack").setLevel(logging.INFO)


class CountingTable(HeaderTable):
    """
    A table that can tell whether it was changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0

    def add(self, name: bytes, value: bytes) -> None:
        self.changes += 1
        super().add(name, value)

    @property
    def maxsize(self) -> int:
        return self._maxsize

    @maxsize.setter
    def maxsize(self, newmax: int) -> None:
        self.changes += 1
        HeaderTable.maxsize.fset(self, newmax)  # type: ignore[attr-defined]  # mypy sees no fset
