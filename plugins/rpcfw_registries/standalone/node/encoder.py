"""
What is new in the list of a service, encoded once for all consumers that need the same.

Most consumers know a service up to its last change, so one change is one encoding, however
many watch it. A consumer that was slow, or comes from elsewhere, has an encoding of its own;
after that it is like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

from rpcfw.values.rule import Scope, service_scope
from rpcfw_registries.standalone.messages import MAX_PER_MESSAGE
from rpcfw_registries.standalone.node.catalog import Catalog, Changes
from rpcfw_registries.standalone.node.encodings import (
    PART_BYTES,
    Encoded,
    Encodings,
    Known,
    Part,
    encoded_part,
)
from rpcfw_registries.standalone.updates import (
    HASH_BYTES,
    Update,
    Wanted,
)

__all__ = ["Encoder"]

#: Of encodings that are kept for the next consumer.
_MAX_KEPT_BYTES = 32 << 20
#: A shorter list is sent as a whole: asking for hashes would take longer.
_MIN_COMPARED = 10

#: It is asked for at each message.
_scope_of = lru_cache(maxsize=10_000)(service_scope)


class Encoder:
    """
    The updates of one catalog.

    Args:
        epoch: of this life of the server.
        joining: tells whether others may know instances of services that have none here.
    """

    def __init__(self, catalog: Catalog, epoch: str, joining: Callable[[], bool]) -> None:
        self._catalog = catalog
        self._epoch = epoch
        self._joining = joining
        #: By service and what the consumer knew.
        self._kept = Encodings[tuple[str, int | None]](_MAX_KEPT_BYTES)

    def scope(self, service: str) -> Scope:
        """
        Return what the permission to watch is asked for.
        """
        return _scope_of(service)

    def is_unknown(self, service: str) -> bool:
        """
        Tell whether it is too early to say what there is.
        """
        return self._joining() and not self._catalog.count(service)

    def refusal(self, service: str, reason: str, final: bool) -> Part:
        """
        Return the update that says why a service is not watched.
        """
        return encoded_part(Update(service, refused=reason, final=final))

    def news(self, service: str, known: Known) -> Encoded | None:
        """
        Return what is new to a consumer that knows all up to a number; None: nothing.
        """
        if not isinstance(known, int) or known == self._catalog.number(service):
            # It asks once more, or another message had this change already.
            return None
        return self._changes(service, known)

    def answer(self, wanted: Wanted) -> Encoded:
        """
        Return what is new to a consumer that says what it has.
        """
        service, catalog = wanted.service, self._catalog
        if wanted.epoch == self._epoch and catalog.continues(service, wanted.number):
            return self._changes(service, wanted.number)
        if not wanted.hash:
            return self._changes(service, None)
        same = wanted.hash == catalog.hash(service)
        if not same and not wanted.records:
            if catalog.count(service) < _MIN_COMPARED:
                return self._changes(service, None)
            return Encoded(None, (encoded_part(Update(service, compare=True)),))
        put, gone = ((), b"") if same else self._difference(service, wanted.records)
        number = catalog.number(service)
        parts = _updates(service, self._epoch, Changes(number, False, put, ()), 0)
        first = next(parts)
        first.hash, first.gone_records = wanted.hash, gone
        return Encoded(number, tuple(map(encoded_part, (first, *parts))))

    def _changes(self, service: str, since: int | None) -> Encoded:
        key = service, since
        kept = self._kept.get(key, self._catalog.number(service))
        if kept is not None:
            return kept
        changes = self._catalog.changes(service, since)
        parts = _updates(service, self._epoch, changes, since or 0)
        return self._kept.put(key, Encoded(changes.number, tuple(map(encoded_part, parts))))

    def _difference(self, service: str, hashes: bytes) -> tuple[tuple[bytes, ...], bytes]:
        """
        Return the records that are missing in a list, and the hashes in it that are gone.
        """
        starts = range(0, len(hashes), HASH_BYTES)
        have = {hashes[at : at + HASH_BYTES] for at in starts}
        put = []
        for entry in self._catalog.entries(service):
            its_hash = entry.hash.to_bytes(HASH_BYTES, "big")
            if its_hash in have:
                have.discard(its_hash)
            else:
                put.append(entry.record)
        return tuple(put), b"".join(have)


def _updates(service: str, epoch: str, changes: Changes, since: int) -> Iterator[Update]:
    """
    Cut changes into parts.

    The first says whether to forget, the last what is gone and that this was all.
    """
    parts = list(_parts(changes.put)) or [[]]
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        yield Update(
            service,
            epoch,
            changes.number,
            0 if changes.complete else since,
            complete=changes.complete and index == 0,
            more=not last,
            put=part,
            gone=list(changes.gone) if last else [],
        )


def _parts(records: tuple[bytes, ...]) -> Iterator[list[msgspec.Raw]]:
    part: list[msgspec.Raw] = []
    size = 0
    for record in records:
        if part and (len(part) == MAX_PER_MESSAGE or size + len(record) > PART_BYTES):
            yield part
            part, size = [], 0
        part.append(msgspec.Raw(record))
        size += len(record)
    if part:
        yield part
