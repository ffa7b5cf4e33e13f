"""
What is new of a service, encoded once for all consumers that need the same.

Most consumers know a service up to its last change, so one change is one encoding, however
many watch it. A consumer that was slow, or comes from elsewhere, has an encoding of its own;
after that it is like the others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec
from attrs import frozen

from rpcfw_registries.standalone.messages import MAX_PER_MESSAGE
from rpcfw_registries.standalone.node.catalog import Catalog, Changes
from rpcfw_registries.standalone.updates import (
    HASH_BYTES,
    Update,
    Wanted,
)

__all__ = ["PART_BYTES", "Encoded", "Encoder", "Part", "encoded_part"]

#: Records are sent in parts of about this size, far below any limit on messages.
PART_BYTES = 256 << 10
#: Of encodings that are kept for the next consumer.
_MAX_KEPT_BYTES = 32 << 20
_KEPT_BYTES = 200
#: A shorter list is sent as a whole: asking for hashes would take longer.
_MIN_COMPARED = 10

_encode = msgspec.json.Encoder().encode

#: An encoded `Update`, and how many bytes it has.
Part = tuple[msgspec.Raw, int]


@frozen(eq=False)
class Encoded:
    """
    What to send to a consumer, to be sent in one piece or several.

    Args:
        number: what it knows then; None: it has to ask again.
        parts: each an encoded `Update`, with its size.
    """

    number: int | None
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """
        What it takes of the memory, about.
        """
        return _KEPT_BYTES + sum(size for _, size in self.parts)


class Encoder:
    """
    The updates of one catalog.

    Args:
        epoch: of this life of the server.
    """

    def __init__(self, catalog: Catalog, epoch: str, max_kept_bytes: int = _MAX_KEPT_BYTES) -> None:
        self._catalog = catalog
        self._epoch = epoch
        self._max_kept_bytes = max_kept_bytes
        #: By service and what the consumer knew, the oldest first.
        self._kept: OrderedDict[tuple[str, int | None], Encoded] = OrderedDict()
        self._kept_bytes = 0

    def changes(self, service: str, since: int | None) -> Encoded:
        """
        Return what is new to somebody who knows all up to ``since``; None: nothing.
        """
        key = service, since
        kept = self._kept.get(key)
        if kept is not None:
            if kept.number == self._catalog.number(service):
                return kept
            self._drop(key)
        changes = self._catalog.changes(service, since)
        parts = _updates(service, self._epoch, changes, since or 0)
        encoded = Encoded(changes.number, tuple(map(encoded_part, parts)))
        self._keep(key, encoded)
        return encoded

    def answer(self, wanted: Wanted) -> Encoded:
        """
        Return what is new to a consumer that says what it has.
        """
        service, catalog = wanted.service, self._catalog
        if wanted.epoch == self._epoch and catalog.continues(service, wanted.number):
            return self.changes(service, wanted.number)
        if not wanted.hash:
            return self.changes(service, None)
        same = wanted.hash == catalog.hash(service)
        if not same and not wanted.records:
            if catalog.count(service) < _MIN_COMPARED:
                return self.changes(service, None)
            return Encoded(None, (encoded_part(Update(service, compare=True)),))
        put, gone = ((), b"") if same else self._difference(service, wanted.records)
        number = catalog.number(service)
        parts = _updates(service, self._epoch, Changes(number, False, put, ()), 0)
        first = next(parts)
        first.hash, first.gone_records = wanted.hash, gone
        return Encoded(number, tuple(map(encoded_part, (first, *parts))))

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

    def _keep(self, key: tuple[str, int | None], encoded: Encoded) -> None:
        self._kept[key] = encoded
        self._kept_bytes += encoded.size
        while self._kept_bytes > self._max_kept_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, int | None]) -> None:
        self._kept_bytes -= self._kept.pop(key).size


def encoded_part(update: Update) -> Part:
    """
    Encode an update.
    """
    encoded = _encode(update)
    return msgspec.Raw(encoded), len(encoded)


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
