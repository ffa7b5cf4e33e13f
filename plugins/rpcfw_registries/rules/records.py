"""
The records of rules: the documents of a scope, and its last changes.

Both are JSON. The history is compressed, because each change has the text before and after
it, and most of the two is the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from rpcfw.errors import RegistryError
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, Document, RuleChange

__all__ = [
    "MAX_CHANGES",
    "MAX_HISTORY_BYTES",
    "MAX_RECORD_BYTES",
    "ChangeId",
    "DocumentRecord",
    "StoredDocument",
    "documents_from",
    "documents_to",
    "history_from",
    "history_to",
    "newest",
    "removed_at",
]

#: So many changes are kept, fewer if they are large.
MAX_CHANGES = 20
#: Both records are written in one request, and ZooKeeper takes 1 MiB.
MAX_RECORD_BYTES = 600 << 10
MAX_HISTORY_BYTES = 384 << 10

#: A record has the ids of so many changes. The oldest are left out.
_MAX_SEEN = 100

#: Of the history when it is decompressed. 20 changes of the largest documents fit.
_MAX_PLAIN_BYTES = 32 << 20

#: One change of a scope: the version that it made, and a random name.
ChangeId = tuple[int, str]

#: Servers add one to a version that comes from outside.
Version = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


def newest(changes: Iterable[ChangeId]) -> list[ChangeId]:
    """
    Return as many as a record has, the newest first.
    """
    return sorted(changes, reverse=True)[:_MAX_SEEN]


class StoredDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    One document, or the removal of one.

    Args:
        body: None: it was removed.
        version: as `Document.version`.
        put: the version that it had when it was put; 0: the same. A conflict that it has won gave
            it a later one.
        id: of the change.
    """

    kind: str
    body: str | None
    version: Version
    who: str = ""
    at: float = 0.0
    reason: str = ""
    put: int = 0
    id: str = ""

    @property
    def change(self) -> ChangeId:
        """
        The change that has put it.
        """
        return self.put or self.version, self.id


class DocumentRecord(msgspec.Struct, omit_defaults=True):
    """
    The documents of one scope.

    Args:
        version: of the last change.
        documents: one of each kind, with those that were removed.
        seen: the last changes that led to it, the newest first.
    """

    version: Version
    documents: list[StoredDocument] = []
    seen: Annotated[list[ChangeId], msgspec.Meta(max_length=_MAX_SEEN)] = []

    def find(self, kind: str) -> Document | None:
        """
        Return the document of a kind.
        """
        return self.by_kind().get(kind)

    def by_kind(self) -> dict[str, Document]:
        """
        Return all documents.
        """
        return {
            one.kind: Document(one.kind, one.body, one.version, one.who, one.at, one.reason)
            for one in self.documents
            if one.body is not None
        }

    def changed(self, change: RuleChange, id: str) -> DocumentRecord:
        """
        Return the record after a change, which has the next version.

        Args:
            id: of this change.
        """
        others = [one for one in self.documents if one.kind != change.kind]
        version = change.version
        stored = StoredDocument(
            change.kind, change.after, version, change.who, change.at, change.reason, id=id
        )
        documents = sorted([*others, stored], key=lambda one: one.kind)
        return DocumentRecord(version, documents, newest([(version, id), *self.seen]))

    def knows(self, change: ChangeId) -> bool:
        """
        Tell whether a change led to this record. One that is too old to tell did.
        """
        full = len(self.seen) == _MAX_SEEN
        return change in self.seen or (full and change < self.seen[-1])

    def includes(self, other: DocumentRecord) -> bool:
        """
        Tell whether all changes of another record led to this one, too.

        The newest change has to be known for sure: records of a place that has lost its data begin
        again with small versions.
        """
        newest = other.seen[:1]
        return newest != [] and newest[0] in self.seen and all(map(self.knows, other.seen))

    def after(self, known: DocumentRecord) -> DocumentRecord:
        """
        Return this record for somebody who has another one: with what is newer there.

        A server that was cut off may have a new document of one kind, and an old one of another.
        If the two have no change in common, the place may have lost its data. Then the documents
        of this record hold.
        """
        both = {*self.seen, *known.seen}
        related = len(both) < len(self.seen) + len(known.seen)
        if not related and len(both) > _MAX_SEEN:
            return self
        documents = {one.kind: one for one in self.documents}
        newer = {one.kind: one for one in known.documents if self._has_older(one, known)}
        if related and newer:
            documents |= newer
            version = max(self.version, known.version)
        else:
            version = self.version
        in_order = sorted(documents.values(), key=lambda one: one.kind)
        return DocumentRecord(version, in_order, newest(both))

    def _has_older(self, document: StoredDocument, known: DocumentRecord) -> bool:
        own = next((one for one in self.documents if one.kind == document.kind), None)
        return own is None or (own.change != document.change and own.change in known.seen)


class _Change(msgspec.Struct, omit_defaults=True):
    version: int
    kind: str
    who: str
    at: float
    reason: str
    before: str | None
    after: str | None


_encode = msgspec.json.Encoder().encode
_decode_documents = msgspec.json.Decoder(DocumentRecord).decode
_decode_history = msgspec.json.Decoder(list[_Change]).decode


def documents_to(record: DocumentRecord) -> bytes:
    """
    Return what is stored.

    Raises:
        RegistryError: it is too large.
    """
    encoded = _encode(record)
    if len(encoded) > MAX_RECORD_BYTES:
        raise RegistryError(
            f"all documents of one scope have {len(encoded)} bytes together; at most "
            f"{MAX_RECORD_BYTES} are stored: make them smaller, or remove one"
        )
    return encoded


def documents_from(data: bytes) -> DocumentRecord:
    """
    Read the documents of a scope.

    Raises:
        ValueError: they cannot be read.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise ValueError(f"the record has {len(data)} bytes; at most {MAX_RECORD_BYTES} are read")
    try:
        record = _decode_documents(data)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not a record of rules: {error}") from None
    for one in record.documents:
        if len((one.body or "").encode("utf-8", "replace")) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"{one.kind} is larger than {MAX_DOCUMENT_BYTES} bytes")
    return record


def removed_at(documents: bytes) -> float | None:
    """
    Return when the last document of a record was removed; None if it still has one.

    Also if it cannot be read: it may be of use to a later version.
    """
    try:
        record = documents_from(documents)
    except ValueError:
        return None
    if any(one.body is not None for one in record.documents):
        return None
    return max((one.at for one in record.documents), default=0.0)


def history_to(changes: Sequence[RuleChange]) -> bytes:
    """
    Return what is stored of changes, the newest first: as many as fit.
    """
    kept = [
        _Change(one.version, one.kind, one.who, one.at, one.reason, one.before, one.after)
        for one in changes[:MAX_CHANGES]
    ]
    while len(encoded := zlib.compress(_encode(kept))) > MAX_HISTORY_BYTES and kept:
        kept.pop()
    return encoded


def history_from(data: bytes) -> tuple[RuleChange, ...]:
    """
    Read the changes.

    Raises:
        ValueError: they cannot be read.
    """
    if not data:
        return ()
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(data, _MAX_PLAIN_BYTES)
        if reader.unconsumed_tail:
            raise ValueError(f"the history has more than {_MAX_PLAIN_BYTES} bytes")
        found = _decode_history(plain)
    except (zlib.error, msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not a history of rules: {error}") from None
    return tuple(RuleChange(**msgspec.structs.asdict(one)) for one in found)
