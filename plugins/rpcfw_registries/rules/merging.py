"""
Joins what two servers of a group have stored for one scope, perhaps after a network was cut.

Theory of operation. A record names the changes that led to it. If all changes of one record led
to the other, that one is newer, and nothing else is to be decided. Otherwise both have changes
that the other lacks. Then for each kind the document with the later version holds, and of two
with equal versions the one with the greater random id: the same at every server, whatever came
first. A change has a later version than all that it was based on. So a document is replaced only
by one that was put with knowledge of it, or in a *conflict*.

The joined record has a version of its own, higher than both. So whoever has read one of the two
documents cannot replace the other by mistake. In a conflict the history gets an entry for that
version, with the text that did not hold before the one that does. Both changes are in the
history, too.

Joining is commutative, and a record that has all changes is the end of it: each join adds
changes to a record, and there are no others than those that people have made.
"""

from __future__ import annotations

import msgspec
from attrs import frozen

from rpcfw.errors import RegistryError
from rpcfw.values.rule import RuleChange
from rpcfw_registries.rules.records import (
    MAX_HISTORY_BYTES,
    DocumentRecord,
    StoredDocument,
    documents_from,
    documents_to,
    history_from,
    history_to,
    newest,
)
from rpcfw_registries.rules.store import Stored, stamp_of

__all__ = ["Merged", "merge"]


@frozen
class Merged:
    """
    What is to be stored from now on.

    Args:
        conflicts: the entries of the history about documents that did not hold.
    """

    stored: Stored
    conflicts: tuple[RuleChange, ...] = ()


def merge(own: Stored, theirs: Stored) -> Merged:
    """
    Join two records of one scope, with their histories. May take some tenths of a second.

    Raises:
        ValueError: theirs cannot be read, or both together are too large.
    """
    if theirs.documents is None:
        return Merged(own)
    other = _read(theirs.documents)
    if len(theirs.history) > MAX_HISTORY_BYTES:
        raise ValueError(f"the history has more than {MAX_HISTORY_BYTES} bytes")
    one = _readable_record(own.documents)
    if one is None or own.documents is None:
        history = _history(own.history, theirs.history, [])
        return Merged(Stored(theirs.documents, history, stamp_of(theirs.documents)))
    record, conflicts = _joined(one, other)
    if record is one:
        documents = own.documents
    else:
        try:
            documents = theirs.documents if record is other else documents_to(record)
        except RegistryError as error:
            raise ValueError(str(error)) from None
    history = _history(own.history, theirs.history, conflicts)
    return Merged(Stored(documents, history, stamp_of(documents)), tuple(conflicts))


def _read(documents: bytes) -> DocumentRecord:
    record = documents_from(documents)
    if record.seen:
        return record
    # Somebody has written it by hand. Without the id of a change, joining would never end.
    seen = [(record.version, stamp_of(documents))]
    return DocumentRecord(record.version, record.documents, seen)


def _readable_record(documents: bytes | None) -> DocumentRecord | None:
    """
    Return what a server has itself. If that is damaged, what another has replaces it.
    """
    try:
        return None if documents is None else _read(documents)
    except ValueError:
        return None


def _joined(one: DocumentRecord, other: DocumentRecord) -> tuple[DocumentRecord, list[RuleChange]]:
    if one == other:
        return one, []
    ahead, behind = one.includes(other), other.includes(one)
    if ahead and not behind and one.version > other.version:
        return one, []
    if behind and not ahead and other.version > one.version:
        return other, []
    # With the same changes, only versions may differ: those of joined records.
    version = max(one.version, other.version) + (not (ahead and behind))
    join = _Join(one, other, version)
    documents = [join.document(kind) for kind in sorted({*join.ours, *join.theirs})]
    record = DocumentRecord(version, documents, newest({*one.seen, *other.seen}))
    return record, join.conflicts


class _Join:
    """
    The documents of one join.
    """

    def __init__(self, one: DocumentRecord, other: DocumentRecord, version: int) -> None:
        self.ours = {each.kind: each for each in one.documents}
        self.theirs = {each.kind: each for each in other.documents}
        self.conflicts: list[RuleChange] = []
        self._one = one
        self._other = other
        self._version = version

    def document(self, kind: str) -> StoredDocument:
        """
        Return the document of a kind that holds.
        """
        ours, theirs = self.ours.get(kind), self.theirs.get(kind)
        if ours is None or theirs is None:
            return ours or theirs  # type: ignore[return-value]  # one of the two has the kind
        if ours.change == theirs.change:
            return max(ours, theirs, key=_by_version)
        holds, lost = sorted((ours, theirs), key=_by_change, reverse=True)
        reason = holds.reason
        if not (self._one.knows(theirs.change) or self._other.knows(ours.change)):
            reason = _conflict(lost)
            self._note(holds, lost, reason)
        return msgspec.structs.replace(
            holds, version=self._version, put=holds.change[0], reason=reason
        )

    def _note(self, holds: StoredDocument, lost: StoredDocument, reason: str) -> None:
        at = max(holds.at, lost.at)
        self.conflicts.append(
            RuleChange(self._version, holds.kind, holds.who, at, reason, lost.body, holds.body)
        )


def _conflict(lost: StoredDocument) -> str:
    """
    Say in a document, and in the history, that it holds and another one does not.
    """
    return (
        f"conflict: {lost.who} has changed the same version at another server, as version "
        f"{lost.version}, which is not in use"
    )


def _by_version(document: StoredDocument) -> tuple[int, bytes]:
    return document.version, msgspec.json.encode(document)


def _by_change(document: StoredDocument) -> tuple[int, str, bytes]:
    return *document.change, msgspec.json.encode(document)


def _history(ours: bytes, theirs: bytes, conflicts: list[RuleChange]) -> bytes:
    """
    Return the last changes of both.

    If one of the two has them already it is returned as it is: two machines may compress
    differently, and their copies have to become equal.
    """
    if ours == theirs and not conflicts:
        return ours
    readable = {packed: _readable(packed) for packed in (ours, theirs)}
    changes = {*readable[ours], *readable[theirs], *conflicts}
    packed = history_to(sorted(changes, key=_by_age, reverse=True))
    kept = history_from(packed)
    return max((each for each, found in readable.items() if found == kept), default=packed)


def _by_age(change: RuleChange) -> tuple[int, bytes]:
    return change.version, repr(change).encode("utf-8", "backslashreplace")


def _readable(history: bytes) -> tuple[RuleChange, ...]:
    """
    Return the changes. A history that is broken is no reason to keep the documents apart.
    """
    try:
        return history_from(history)
    except ValueError:
        return ()
