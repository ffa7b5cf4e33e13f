"""
Header blocks of one connection, decoded; a block that repeats is decoded once.

A block that changes no table decodes to the same fields as long as the table stays as it is
(RFC 7541, section 2.2: the dynamic table is the only state). So what was made of a block is
cached by its bytes until the table changes. Most calls on a connection then cost one look into
a dict.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from hpack import HPACKError, OversizedHeaderListError

from rpcfw.errors import RemoteProtocolError
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.header_list import Fields, HeaderList, HeaderRules
from rpcfw_grpc.http2.hpack.decoder import decode
from rpcfw_grpc.http2.hpack.table import CountingTable
from rpcfw_grpc.http2.settings import TABLE_BYTES

__all__ = ["CachedDecoder"]

H = TypeVar("H")

#: The peer chooses what is cached, so it is little: blocks, and bytes of one.
_MAX_CACHED = 64
_MAX_CACHED_BYTES = 1024

#: Fields that are one byte each: an index into the tables (RFC 7541, section 6.1).
_INDEXED = re.compile(rb"[\x80-\xfe]*")


class CachedDecoder(Generic[H]):
    """
    Turns header blocks into what they mean to the user of the connection.

    Two things are cached: whole blocks, and beginnings of blocks that only have indexed
    fields. Where something differs in each request (a trace, the time left), it mostly
    follows such a beginning.

    Args:
        max_bytes: the largest header list that is decoded at all. A peer that sends more
            loses the connection: a block cannot be skipped, or the table would be wrong.
        rules: which fields may be there.
        meaning: what the list stands for; may raise `Malformed`, and is then asked again.
    """

    def __init__(
        self, max_bytes: int, rules: HeaderRules, meaning: Callable[[HeaderList], H]
    ) -> None:
        self._max_bytes = max_bytes
        self._rules = rules
        self._meaning = meaning
        self._table = CountingTable()
        self._beginnings: dict[bytes, HeaderList] = {}
        #: The fast path looks here first: ``known.get(block)``. It is always this same dict.
        self.known: dict[bytes, H] = {}

    def decode(self, block: bytes) -> H:
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
            headers = self._header_list(block)
        finally:
            changed = self._table.changes != before
            if changed:
                self.known.clear()
                self._beginnings.clear()
        if not headers.is_trailers:
            self._rules.check(headers.found)
        meaning = self._meaning(headers)
        if not changed and len(block) <= _MAX_CACHED_BYTES:
            if len(self.known) >= _MAX_CACHED:
                self.known.clear()
            self.known[block] = meaning
        return meaning

    def _header_list(self, block: bytes) -> HeaderList:
        # The whole block is decoded before any of it is judged: what is left out
        # here would be missing from the table for ever after (RFC 9113, section 4.3).
        end = _INDEXED.match(block).end()  # type: ignore[union-attr]  # it matches nothing, too
        first = self._beginnings.get(block[:end]) if end else None
        if first is not None:
            rest = self._decode(block, end, self._max_bytes - first.size)
            return HeaderList(rest, self._rules, first)
        fields = self._decode(block, 0, self._max_bytes)
        if 0 < end <= _MAX_CACHED_BYTES:
            if len(self._beginnings) >= _MAX_CACHED:
                self._beginnings.clear()
            # One byte each, so the first ``end`` fields are those of the first ``end`` bytes.
            self._beginnings[block[:end]] = HeaderList(fields[:end], self._rules)
        return HeaderList(fields, self._rules)

    def _decode(self, block: bytes, at: int, max_bytes: int) -> Fields:
        try:
            return decode(block, self._table, max_bytes, TABLE_BYTES, at)
        except OversizedHeaderListError as error:
            raise RemoteProtocolError(str(error), ErrorCode.ENHANCE_YOUR_CALM) from None
        except (HPACKError, IndexError, ValueError) as error:
            raise RemoteProtocolError(
                f"header block: {error}", ErrorCode.COMPRESSION_ERROR
            ) from None
