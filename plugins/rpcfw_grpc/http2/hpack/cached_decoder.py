"""
Header blocks of one connection, decoded; a block that repeats is decoded once.

A block that changes no table decodes to the same fields as long as the table stays as it is
(RFC 7541, section 2.2: the dynamic table is the only state). So what was made of a block is
cached by its bytes until the table changes. Most calls on a connection then cost one look into
a dict.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from hpack import HPACKError, OversizedHeaderListError

from rpcfw.errors import RemoteProtocolError
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.header_list import (
    FIELD_OVERHEAD_BYTES,
    Field,
    Fields,
    HeaderList,
    HeaderRules,
)
from rpcfw_grpc.http2.hpack.decoder import decode, literal, others_at
from rpcfw_grpc.http2.hpack.table import CountingTable
from rpcfw_grpc.http2.settings import TABLE_BYTES

__all__ = ["CachedDecoder", "Extensible"]

H = TypeVar("H")

#: The peer chooses what is cached, so it is little: blocks, bytes of one, and bytes of its list. A
#: block of some bytes may name a large field of the table many times.
_MAX_CACHED = 64
_MAX_CACHED_BYTES = 1024
_MAX_CACHED_LIST_BYTES = 4096
#: Header lists, and bytes of one. They hold fields that the table may have dropped.
_MAX_LISTS = 16
_MAX_LIST_BYTES = 2048

#: The first byte of a literal field that goes into no table is below this (RFC 7541, sections
#: 6.2.2 and 6.2.3).
_IN_NO_TABLE = 0x20

#: Fields that are one byte each: an index into the tables (RFC 7541, section 6.1).
_INDEXED = re.compile(rb"[\x80-\xfe]*")


class Extensible(ABC, Generic[H]):
    """
    The meaning of header lists, where that of a longer list follows from that of a shorter one.
    """

    @abstractmethod
    def __call__(self, headers: HeaderList) -> H:
        """
        Return what a list means.
        """

    @abstractmethod
    def extended(self, meaning: H, others: Fields, size: int) -> H | None:
        """
        Return what a list means that has further fields at its end.

        Args:
            meaning: of the list without them.
            others: they, all of them fields that the rules do not name.
            size: of the whole list.

        Returns:
            None if it must be read whole.
        """


class CachedDecoder(Generic[H]):
    """
    Turns header blocks into what they mean to the user of the connection.

    Four things are cached: whole blocks; beginnings of blocks that only have indexed fields;
    what a block means without the literals at its end, if its meaning is `Extensible`; and header
    lists. Where something differs in each request (a trace, a signature), it mostly is in these
    literals. Lists and their beginnings stay when the table changes: grpc-go puts each new timeout
    into it, and every block has other bytes then, though most of the fields are the same.

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
        #: The meanings of lists, and the lists that others begin with.
        self._lists: dict[tuple[Field, ...], H] = {}
        self._starts: dict[tuple[Field, ...], HeaderList] = {}
        self._extensible = meaning if isinstance(meaning, Extensible) else None
        #: What blocks mean without the literals at their ends, and the sizes of these lists.
        self._begun: dict[bytes, tuple[H, int]] = {}
        #: Such blocks that came once: most beginnings never come again.
        self._came_once: set[bytes] = set()
        #: Where these literals begin, by the length of the block. A guess: `_begun` has to have
        #: the bytes before.
        self._others_at: dict[int, int] = {}
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
        at = self._others_at.get(len(block))
        if at is not None:
            begun = self._begun.get(block[:at])
            meaning = None if begun is None else self._extended(*begun, block, at)
            if meaning is not None:
                return meaning
        before = self._table.changes
        try:
            first, rest, end = self._read(block)
        finally:
            changed = self._table.changes != before
            if changed:
                self._forget()
        key = tuple(rest) if first is None else ()
        meaning = self._lists.get(key) if key else None
        learns, size = False, 0
        if meaning is None:
            headers = self._header_list(block, first, rest, end, changed=changed)
            if not headers.is_trailers:
                self._rules.check(headers.found)
            meaning = self._meaning(headers)
            size = headers.size
            self._remember_list(key, size, meaning)
            learns = self._extensible is not None and not headers.is_trailers
        if not changed and len(block) <= _MAX_CACHED_BYTES:
            self._remember(block, meaning, size)
            if learns and size <= _MAX_CACHED_LIST_BYTES:
                self._learn(block)
        return meaning

    def _remember_list(self, key: tuple[Field, ...], size: int, meaning: H) -> None:
        if key and size <= _MAX_LIST_BYTES:
            if len(self._lists) >= _MAX_LISTS:
                self._lists.clear()
            self._lists[key] = meaning

    def _remember(self, block: bytes, meaning: H, size: int) -> None:
        if size > _MAX_CACHED_LIST_BYTES:
            return
        if len(self.known) >= _MAX_CACHED:
            self.known.clear()
        self.known[block] = meaning

    def _forget(self) -> None:
        self.known.clear()
        self._beginnings.clear()
        self._begun.clear()
        self._came_once.clear()
        self._others_at.clear()

    def _extended(self, begun: H, size: int, block: bytes, at: int) -> H | None:
        """
        Return the meaning of a block from that of its beginning; None if it must be read whole.
        """
        others: Fields = []
        end, table = len(block), self._table
        try:
            while at < end:
                if block[at] >= _IN_NO_TABLE:
                    return None
                field, at = literal(block, at, table)
                size += len(field[0]) + len(field[1]) + FIELD_OVERHEAD_BYTES
                others.append(field)
        except (HPACKError, IndexError, ValueError):
            return None  # read whole, it is refused with the reason
        if size > self._max_bytes or not self._rules.are_others(others):
            return None
        meaning = self._extensible.extended(begun, others, size)  # type: ignore[union-attr]  # it is one
        if meaning is not None:
            self._remember(block, meaning, size)
        return meaning

    def _learn(self, block: bytes) -> None:
        """
        Keep what a block means without the literals at its end, once it has come twice.
        """
        at = others_at(block, self._table, self._rules.is_other)
        if at == len(block):
            return
        beginning = block[:at]
        if beginning not in self._begun:
            if beginning not in self._came_once:
                if len(self._came_once) >= _MAX_CACHED:
                    self._came_once.clear()
                self._came_once.add(beginning)
                return
            headers = self._header_list(beginning, *self._read(beginning), changed=False)
            if len(self._begun) >= _MAX_CACHED:
                self._begun.clear()
            self._begun[beginning] = self._meaning(headers), headers.size
        if len(self._others_at) >= _MAX_CACHED:
            self._others_at.clear()
        self._others_at[len(block)] = at

    def _read(self, block: bytes) -> tuple[HeaderList | None, Fields, int]:
        """
        Decode a block.

        Returns:
            The list of the beginning that only has indexed fields, if it is known; the fields
            behind that; and where this beginning ends.
        """
        # The whole block is decoded before any of it is judged: what is left out
        # here would be missing from the table for ever after (RFC 9113, section 4.3).
        end = _INDEXED.match(block).end()  # type: ignore[union-attr]  # it matches nothing, too
        first = self._beginnings.get(block[:end]) if end else None
        if first is None:
            return None, self._decode(block, 0, self._max_bytes), end
        return first, self._decode(block, end, self._max_bytes - first.size), end

    def _header_list(
        self, block: bytes, first: HeaderList | None, rest: Fields, end: int, *, changed: bool
    ) -> HeaderList:
        """
        Return the list of a block that was read, and keep that of its beginning.
        """
        if first is None and end:
            # One byte each, so the first ``end`` fields are those of the first ``end`` bytes.
            first = self._begun_with(tuple(rest[:end]))
            rest = rest[end:]
            if not changed and first.size <= _MAX_CACHED_LIST_BYTES:
                if len(self._beginnings) >= _MAX_CACHED:
                    self._beginnings.clear()
                self._beginnings[block[:end]] = first
        return HeaderList(rest, self._rules, first) if rest or first is None else first

    def _begun_with(self, fields: tuple[Field, ...]) -> HeaderList:
        known = self._starts.get(fields)
        if known is None:
            known = HeaderList(list(fields), self._rules)
            if known.size <= _MAX_LIST_BYTES:
                if len(self._starts) >= _MAX_LISTS:
                    self._starts.clear()
                self._starts[fields] = known
        return known

    def _decode(self, block: bytes, at: int, max_bytes: int) -> Fields:
        try:
            return decode(block, self._table, max_bytes, TABLE_BYTES, at)
        except OversizedHeaderListError:
            # Not what is left of the limit after the beginning, if that is known.
            text = f"a header list over {self._max_bytes} bytes"
            raise RemoteProtocolError(text, ErrorCode.ENHANCE_YOUR_CALM) from None
        except (HPACKError, IndexError, ValueError) as error:
            raise RemoteProtocolError(
                f"header block: {error}", ErrorCode.COMPRESSION_ERROR
            ) from None
