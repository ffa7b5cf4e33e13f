"""
What a registry server knows: records by service and id, with numbered changes.

Pure: no clock, no network, no opinion about what a record says. Who fills it is
not its matter either: today the service beside it does, and a bus that joins
several nodes may do so as well, since numbers are of one catalog's life alone.

Theory of operation. Every change takes the next number of one counter. An entry
keeps the number of its last change, and entries are in the order of those
numbers; removed ids stay behind as tombstones, likewise in order. So "what
changed since n" is read from the two ends backwards until n: it costs what it
finds, is coalesced by nature, and a watcher is no more than a number, however
slow it reads. Tombstones are bounded, and there are not many more than instances;
who asks about a time before the oldest kept one gets the whole list instead.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from attrs import define, field, frozen

from rpcfw_registries.standalone.updates import hash_of_list, hash_of_record

__all__ = ["Catalog", "CatalogFull", "Changes", "Entry", "Limits"]

#: Tombstones of a service that has fewer instances than that.
_MIN_TOMBSTONES = 16


class CatalogFull(Exception):
    """
    A limit of the catalog was reached. The message names it.
    """


@frozen
class Limits:
    """
    What a catalog takes before it refuses.

    Args:
        tombstones: maximum number of removals that are remembered for each service.
    """

    services: int = 5_000
    instances: int = 100_000
    total_bytes: int = 256 << 20
    tombstones: int = 1_000


@frozen(eq=False)
class Entry:
    """
    One record.

    Args:
        owner: who put it there.
        number: of the change that did so.
        hash: of the record.
    """

    record: bytes
    owner: str
    number: int
    hash: int


@frozen
class Changes:
    """
    What is new to somebody who knew all up to some number.

    Args:
        number: all up to this is known now.
        complete: ``put`` is the whole list; forget what was known before.
        put: records added or replaced.
        gone: ids removed.
    """

    number: int
    complete: bool
    put: tuple[bytes, ...]
    gone: tuple[str, ...]


@define(eq=False)
class _Service:
    """
    One service. Whoever knows everything up to ``compacted_at`` needs only the changes.

    Args:
        number: of its last change.
        hash: the exclusive or of the hashes of its records.
    """

    compacted_at: int
    number: int
    hash: int = 0
    live: OrderedDict[str, Entry] = field(factory=OrderedDict)
    gone: OrderedDict[str, int] = field(factory=OrderedDict)


class Catalog:
    """
    The store of one registry server.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._number = 0
        self._instances = 0
        self._bytes = 0
        #: At least as high as any number that a forgotten service had.
        self._compacted_at = 0
        self._by_service: dict[str, _Service] = {}
        #: Of those, the ones without an instance; the one that lost its last first.
        self._empty: dict[str, None] = {}
        self._changed: Callable[[str], None] = lambda service: None

    def put(self, service: str, id: str, record: bytes, owner: str) -> bool:
        """
        Add a record, or replace the one with its id; return whether that changed something.

        The very same record of the same owner again is no change.

        Raises:
            CatalogFull: it would exceed a limit.
        """
        entries = self._by_service.get(service)
        old = entries.live.get(id) if entries is not None else None
        if old is not None and (old.record, old.owner) == (record, owner):
            return False
        self._check_limits(old, record)
        if entries is None:
            entries = self._new_service(service)
        self._number += 1
        entries.number = self._number
        self._instances += old is None
        self._bytes += len(record) - (0 if old is None else len(old.record))
        its_hash = hash_of_record(record)
        entries.hash ^= its_hash ^ (0 if old is None else old.hash)
        self._empty.pop(service, None)
        entries.gone.pop(id, None)
        entries.live[id] = Entry(record, owner, self._number, its_hash)
        entries.live.move_to_end(id)
        self._changed(service)
        return True

    def remove(self, service: str, id: str, owner: str | None = None) -> bool:
        """
        Remove a record, and say whether it was there.

        Args:
            owner: remove it only if it is still theirs; None: whosever it is.
        """
        entry = self.get(service, id)
        if entry is None or (owner is not None and entry.owner != owner):
            return False
        entries = self._by_service[service]
        del entries.live[id]
        if not entries.live:
            self._empty[service] = None
        self._number += 1
        entries.number = self._number
        entries.hash ^= entry.hash
        self._instances -= 1
        self._bytes -= len(entry.record)
        entries.gone[id] = self._number
        entries.gone.move_to_end(id)
        self._compact(entries)
        self._changed(service)
        return True

    def get(self, service: str, id: str) -> Entry | None:
        """
        Return the entry of an instance.
        """
        entries = self._by_service.get(service)
        return None if entries is None else entries.live.get(id)

    def services(self) -> list[str]:
        """
        Return the services that have or had instances, sorted.
        """
        return sorted(self._by_service)

    def number(self, service: str) -> int:
        """
        Return the number of the last change of a service.
        """
        entries = self._by_service.get(service)
        return self._compacted_at if entries is None else entries.number

    def count(self, service: str) -> int:
        """
        Return how many instances a service has.
        """
        entries = self._by_service.get(service)
        return 0 if entries is None else len(entries.live)

    def hash(self, service: str) -> str:
        """
        Return the hash of the list of a service; equal lists have equal ones.
        """
        entries = self._by_service.get(service)
        return hash_of_list(() if entries is None else (entries.hash,))

    def entries(self, service: str) -> tuple[Entry, ...]:
        """
        Return the list of a service.
        """
        entries = self._by_service.get(service)
        return () if entries is None else tuple(entries.live.values())

    def continues(self, service: str, since: int) -> bool:
        """
        Tell whether the history of a service reaches back to a number.
        """
        entries = self._by_service.get(service)
        compacted_at = self._compacted_at if entries is None else entries.compacted_at
        return compacted_at <= since <= self._number

    def changes(self, service: str, since: int | None) -> Changes:
        """
        Return what is new to somebody who knows all up to ``since``.

        The whole list, if nothing is known or the history is compacted.
        """
        number = self.number(service)
        if since is None or not self.continues(service, since):
            records = tuple(entry.record for entry in self.entries(service))
            return Changes(number, True, records, ())
        entries = self._by_service.get(service)
        if entries is None:
            return Changes(number, False, (), ())
        put = []
        for entry in reversed(entries.live.values()):
            if entry.number <= since:
                break
            put.append(entry.record)
        gone = []
        for removed, removed_at in reversed(entries.gone.items()):
            if removed_at <= since:
                break
            gone.append(removed)
        return Changes(number, False, tuple(reversed(put)), tuple(gone))

    def listen(self, changed: Callable[[str], None]) -> None:
        """
        Call ``changed`` with the service at each change, from now on.
        """
        self._changed = changed

    def _check_limits(self, old: Entry | None, record: bytes) -> None:
        limits = self._limits
        grown = len(record) - (0 if old is None else len(old.record))
        if old is None and self._instances >= limits.instances:
            raise CatalogFull(f"the node holds its limit of {limits.instances} instances")
        if grown > 0 and self._bytes + grown > limits.total_bytes:
            raise CatalogFull(f"the node holds its limit of {limits.total_bytes} bytes of records")

    def _compact(self, entries: _Service) -> None:
        """
        Forget the oldest removals. The whole list costs no more than as many removals.
        """
        most = min(self._limits.tombstones, max(_MIN_TOMBSTONES, len(entries.live)))
        while len(entries.gone) > most:
            _, entries.compacted_at = entries.gone.popitem(last=False)

    def _new_service(self, service: str) -> _Service:
        if len(self._by_service) >= self._limits.services:
            self._forget_an_empty_service()
        entries = self._by_service[service] = _Service(self._compacted_at, self._compacted_at)
        return entries

    def _forget_an_empty_service(self) -> None:
        """
        Forget the service that has had no instances for the longest time.
        """
        name = next(iter(self._empty), None)
        if name is None:
            raise CatalogFull(f"the node holds its limit of {self._limits.services} services")
        del self._empty[name], self._by_service[name]
        self._compacted_at = self._number
