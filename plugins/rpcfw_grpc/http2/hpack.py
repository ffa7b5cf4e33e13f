"""
Header blocks: HPACK (RFC 7541) with as little of it done twice as can be.

Reading. A block that changes no table decodes to the same fields as long as the
table stays as it is. So what was made of a block is remembered by its bytes until
the table changes; most calls on a connection then cost one look into a dict.

Writing. What we send mostly stands in blocks that use no table of the peer's at
all (`encode`), so they are pure functions of their fields and can be made once.
Only the part of a request that is the same for each call of a method goes through
the table (`RequestBlocks`), because it is long.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from hpack import Encoder, HPACKError, OversizedHeaderListError
from hpack.hpack import encode_integer
from hpack.table import HeaderTable

from rpcfw.errors import RemoteProtocolError
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.hpack_decoder import FIELD_OVERHEAD_BYTES, Field, Fields, decode
from rpcfw_grpc.http2.settings import TABLE_BYTES
from rpcfw_grpc.metadata import Sorted

__all__ = ["BlockReader", "RequestBlocks", "encode", "list_bytes"]

T = TypeVar("T")

# At DEBUG it writes every header that it sees, credentials among them.
logging.getLogger("hpack").setLevel(logging.INFO)

#: The peer chooses what is remembered, so it is little: blocks, and bytes of one.
_MOST_REMEMBERED = 64
_LONGEST_REMEMBERED = 1024
#: Methods in the table of one connection; the rest are sent without it. More would
#: push each other out of the table, and every call would pay for it.
_MOST_INDEXED = 24

#: Fields that are one byte each: names and values of the tables.
_LEADING = re.compile(rb"[\x80-\xfe]*")
_NEVER_INDEXED = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"))
_STATIC: Final = HeaderTable.STATIC_TABLE_MAPPING


class _CountingTable(HeaderTable):
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


def list_bytes(fields: Iterable[Field]) -> int:
    """
    Return the size of a header list as the settings count it.
    """
    return sum(len(name) + len(value) + FIELD_OVERHEAD_BYTES for name, value in fields)


class BlockReader(Generic[T]):
    """
    Turns header blocks into what they mean on this side.

    Two things are remembered: whole blocks, and beginnings of blocks that only name
    fields of the tables. Where something differs in each request (a trace, the time
    left), it mostly stands behind such a beginning.

    Args:
        most_bytes: the largest header list that is read at all. Whoever sends more
            loses the connection: a list cannot be skipped without being read.
        pseudo: pseudo-fields that may be there.
        meaning: what the fields stand for; may raise, and is then asked again.
    """

    def __init__(
        self, most_bytes: int, pseudo: frozenset[bytes], meaning: Callable[[Sorted], T]
    ) -> None:
        self._most_bytes = most_bytes
        self._pseudo = pseudo
        self._meaning = meaning
        self._table = _CountingTable()
        self._beginnings: dict[bytes, Sorted] = {}
        #: Look here first: ``known.get(block)``. Never kept across a call of `read`.
        self.known: dict[bytes, T] = {}

    def read(self, block: bytes) -> T:
        """
        Return the meaning of the next block of the connection.

        Raises:
            RemoteProtocolError: it cannot be decoded, or is far too large.
            Malformed: it can, but HTTP/2 forbids such a list.
        """
        known = self.known.get(block)
        if known is not None:
            return known
        before = self._table.changes
        try:
            listed = self._sort(block)
        finally:
            changed = self._table.changes != before
            if changed:
                self.known.clear()
                self._beginnings.clear()
        meaning = self._meaning(listed)
        if not changed and len(block) <= _LONGEST_REMEMBERED:
            if len(self.known) >= _MOST_REMEMBERED:
                self.known.clear()
            self.known[block] = meaning
        return meaning

    def _sort(self, block: bytes) -> Sorted:
        # The whole block is decoded before any of it is judged: what is left out
        # here would be missing from the table for ever after.
        end = _LEADING.match(block).end()  # type: ignore[union-attr]  # it matches nothing, too
        first = self._beginnings.get(block[:end]) if end else None
        if first is not None:
            rest = self._decode(block, end, self._most_bytes - first.size)
            return Sorted(rest, self._pseudo, first)
        fields = self._decode(block, 0, self._most_bytes)
        if 0 < end <= _LONGEST_REMEMBERED:
            if len(self._beginnings) >= _MOST_REMEMBERED:
                self._beginnings.clear()
            self._beginnings[block[:end]] = Sorted(fields[:end], self._pseudo)
        return Sorted(fields, self._pseudo)

    def _decode(self, block: bytes, at: int, most_bytes: int) -> Fields:
        try:
            return decode(block, self._table, most_bytes, TABLE_BYTES, at)
        except OversizedHeaderListError as error:
            raise RemoteProtocolError(str(error), ErrorCode.ENHANCE_YOUR_CALM) from None
        except (HPACKError, IndexError, ValueError) as error:
            raise RemoteProtocolError(
                f"header block: {error}", ErrorCode.COMPRESSION_ERROR
            ) from None


def encode(fields: Iterable[Field]) -> bytes:
    """
    Return a block that neither uses nor changes the peer's table.
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


class RequestBlocks:
    """
    The steady beginnings of our requests on one connection, by way of the table.
    """

    def __init__(self) -> None:
        self._encoder = Encoder()
        self._table = _CountingTable()
        self._encoder.header_table = self._table
        self._seen: set[object] = set()
        self._known: dict[object, bytes] = {}

    def resize(self, table_bytes: int) -> None:
        """
        Keep to the table that the peer has; the next block tells it.
        """
        size = min(table_bytes, TABLE_BYTES)
        # hpack forgets to tell of a change if the same size is set once more.
        if size != self._table.maxsize:
            self._encoder.header_table_size = size
            self._known.clear()

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
        if self._table.resized or key in self._seen or len(self._seen) < _MOST_INDEXED:
            self._seen.add(key)
            return self._index(key, fields())
        if len(self._known) >= _MOST_REMEMBERED:
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
        elif not resized:
            self._known[key] = block
        return block
