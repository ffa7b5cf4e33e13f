"""
Header blocks as they are written.

What we send mostly is in blocks that use no dynamic table at all (`encode`), so they are
pure functions of their fields and can be made once. Only the part of a request that is the same
for each call of a method goes through the table (`CachedEncoder`), because it is long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from hpack import Encoder
from hpack.hpack import encode_integer
from hpack.table import HeaderTable

from rpcfw_grpc.http2.header_list import Field, Fields
from rpcfw_grpc.http2.hpack.table import CountingTable
from rpcfw_grpc.http2.settings import TABLE_BYTES

__all__ = ["NO_DYNAMIC_TABLE", "CachedEncoder", "encode"]

#: Dynamic table size update to 0 (RFC 7541, section 6.3). It must begin the next block after
#: the peer has made its table smaller (section 4.2).
NO_DYNAMIC_TABLE: Final = b"\x20"

_MAX_CACHED = 64
#: Beginnings in the dynamic table of one connection; the rest are sent without it. More would
#: push each other out of the table, and every call would pay for it.
_MAX_INDEXED = 24

#: Never-indexed literals (RFC 7541, section 6.2.3): no proxy puts them into a table either.
_NEVER_INDEXED = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"))
_STATIC: Final = HeaderTable.STATIC_TABLE_MAPPING


def encode(fields: Iterable[Field]) -> bytes:
    """
    Return a block that neither uses nor changes the peer's dynamic table.
    """
    return b"".join(_literal(name, value) for name, value in fields)


def _literal(name: bytes, value: bytes) -> bytes:
    index, values = _STATIC.get(name, (0, None))
    if values is not None and value in values:
        return bytes((0x80 | values[value],))
    kind = 0x10 if name in _NEVER_INDEXED else 0
    if index:
        first = encode_integer(index, 4)
        first[0] |= kind
        return bytes(first) + _length(value) + value
    return b"%c%b%b%b%b" % (kind, _length(name), name, _length(value), value)


def _length(text: bytes) -> bytes:
    size = len(text)
    return bytes((size,)) if size < 127 else bytes(encode_integer(size, 7))


class CachedEncoder:
    """
    Beginnings of blocks that repeat on one connection, by way of the dynamic table.

    Attributes:
        whole: whole blocks that its user keeps. It is always the same dict, and is cleared when
            the table changes: they would say something else then.
    """

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._table = CountingTable()
        self._encoder.header_table = self._table
        self._seen: set[object] = set()
        self._known: dict[object, bytes] = {}
        self.whole: dict[object, bytes] = {}

    def resize(self, table_bytes: int) -> None:
        """
        Keep to the table that the peer has; the next block tells it.
        """
        size = min(table_bytes, TABLE_BYTES)
        # hpack forgets to tell of a change if the same size is set once more.
        if size != self._table.maxsize:
            self._encoder.header_table_size = size
            self._known.clear()
            self.whole.clear()

    def keep(self, key: object, begun: object, block: bytes) -> None:
        """
        Keep a whole block, if the block of its beginning is known and says the same again.

        Args:
            key: where it is kept in `whole`.
            begun: the key of its beginning.
        """
        if begun in self._known:
            if len(self.whole) >= _MAX_CACHED:
                self.whole.clear()
            self.whole[key] = block

    def begin(self, key: object, fields: Callable[[], Fields]) -> bytes:
        """
        Return the beginning of a block. It must be sent, and before any later one.

        Args:
            key: what tells these fields from others.
            fields: makes them, if they are not known.
        """
        known = self._known.get(key)
        if known is not None:
            return known
        if self._table.resized or key in self._seen or len(self._seen) < _MAX_INDEXED:
            self._seen.add(key)
            return self._index(key, fields())
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        block = self._known[key] = encode(fields())
        return block

    def _index(self, key: object, fields: Fields) -> bytes:
        before = self._table.changes
        resized = self._table.resized
        block = self._encoder.encode(fields)
        if self._table.changes != before:
            # What came in moved all others: every block that names one is void.
            self._known.clear()
            self.whole.clear()
        elif not resized:
            self._known[key] = block
        return block
