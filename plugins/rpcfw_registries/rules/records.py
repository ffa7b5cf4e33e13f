"""
The records of rules: the documents of a scope, and its last changes.

Both are JSON. The history is compressed, because each change has the text before and after
it, and most of the two is the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec

from rpcfw.errors import RegistryError
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, Document, RuleChange

__all__ = [
    "MAX_CHANGES",
    "MAX_HISTORY_BYTES",
    "MAX_RECORD_BYTES",
    "DocumentRecord",
    "documents_from",
    "documents_to",
    "history_from",
    "history_to",
]

#: So many changes are kept, fewer if they are large.
MAX_CHANGES = 20
#: Both records are written in one request, and ZooKeeper takes 1 MiB.
MAX_RECORD_BYTES = 600 << 10
MAX_HISTORY_BYTES = 384 << 10

#: By so many ids a record tells which ones it has replaced.
_MAX_BEFORE = 100

#: Of the history when it is decompressed. 20 changes of the largest documents fit.
_MAX_PLAIN_BYTES = 32 << 20


class _Document(msgspec.Struct, omit_defaults=True):
    kind: str
    body: str
    version: int
    who: str = ""
    at: float = 0.0
    reason: str = ""


class DocumentRecord(msgspec.Struct, omit_defaults=True):
    """
    The documents of one scope.

    Args:
        version: of the last change.
        id: of the last change, a random one.
        before: the ids of the changes before it, the newest first.
    """

    version: int
    documents: list[_Document] = []
    id: str = ""
    before: list[str] = []

    def find(self, kind: str) -> Document | None:
        """
        Return the document of a kind.
        """
        return self.by_kind().get(kind)

    def by_kind(self) -> dict[str, Document]:
        """
        Return all documents.
        """
        return {one.kind: Document(**msgspec.structs.asdict(one)) for one in self.documents}

    def changed(self, kind: str, document: Document | None, id: str) -> DocumentRecord:
        """
        Return the record with another document of a kind, or without one.

        Args:
            id: of this change.
        """
        others = [one for one in self.documents if one.kind != kind]
        if document is not None:
            others.append(
                _Document(
                    document.kind,
                    document.body,
                    document.version,
                    document.who,
                    document.at,
                    document.reason,
                )
            )
        others.sort(key=lambda one: one.kind)
        before = [self.id, *self.before][:_MAX_BEFORE] if self.id else []
        return DocumentRecord(self.version + 1, others, id, before)


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
        if len(one.body.encode("utf-8", "replace")) > MAX_DOCUMENT_BYTES:
            raise ValueError(f"{one.kind} is larger than {MAX_DOCUMENT_BYTES} bytes")
    return record


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
