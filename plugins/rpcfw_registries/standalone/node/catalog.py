"""
What a registry node knows: records by service and id, with numbered changes.

Pure: no clock, no network, no opinion about what a record says. Who fills it is
not its matter either: today the service beside it does, and a bus that joins
several nodes may do so as well, since numbers are of one catalog's life alone.

Theory of operation. Every change takes the next number of one counter. An entry
keeps the number of its last change, and entries stand in the order of those
numbers; removed ids stay behind as tombstones, likewise in order. So "what
changed since n" is read from the two ends backwards until n: it costs what it
finds, is coalesced by nature, and a watcher is no more than a number, however
slow it reads. Tombstones are bounded; who asks about a time before the oldest
kept one gets the whole list instead.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from attrs import define, field, frozen

__all__ = ["Catalog", "CatalogFull", "Changes", "Entry", "Limits"]


class CatalogFull(Exception):
    """
    A limit of the catalog was reached. The message names it.
    """


@frozen
class Limits:
    """
    What a catalog takes before it refuses.

    Args:
        tombstones: removals remembered for each service.
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
    """

    record: bytes
    owner: str
    number: int


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
class _Shelf:
    """
    One service. Who knows all up to ``floor`` or later can be told by changes.
    """

    floor: int
    live: OrderedDict[str, Entry] = field(factory=OrderedDict)
    gone: OrderedDict[str, int] = field(factory=OrderedDict)


class Catalog:
    """
    The store of one registry node.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._number = 0
        self._instances = 0
        self._bytes = 0
        #: Higher than any number that a shelf taken away may have had.
        self._floor = 0
        self._shelves: dict[str, _Shelf] = {}
        self._listeners: dict[str, set[Callable[[], None]]] = {}

    def put(self, service: str, id: str, record: bytes, owner: str) -> None:
        """
        Add a record, or replace the one with its id.

        The very same record of the same owner again is no change.

        Raises:
            CatalogFull: there is no room for it.
        """
        shelf = self._shelves.get(service)
        old = shelf.live.get(id) if shelf is not None else None
        if old is not None and (old.record, old.owner) == (record, owner):
            return
        self._check_room(old, record)
        if shelf is None:
            shelf = self._new_shelf(service)
        self._number += 1
        self._instances += old is None
        self._bytes += len(record) - (0 if old is None else len(old.record))
        shelf.gone.pop(id, None)
        shelf.live[id] = Entry(record, owner, self._number)
        shelf.live.move_to_end(id)
        self._tell(service)

    def remove(self, service: str, id: str, owner: str | None = None) -> bool:
        """
        Remove a record, and say whether it was there.

        Args:
            owner: remove it only if it is still theirs; None: whosever it is.
        """
        entry = self.get(service, id)
        if entry is None or (owner is not None and entry.owner != owner):
            return False
        shelf = self._shelves[service]
        del shelf.live[id]
        self._number += 1
        self._instances -= 1
        self._bytes -= len(entry.record)
        shelf.gone[id] = self._number
        shelf.gone.move_to_end(id)
        if len(shelf.gone) > self._limits.tombstones:
            _, shelf.floor = shelf.gone.popitem(last=False)
        self._tell(service)
        return True

    def get(self, service: str, id: str) -> Entry | None:
        """
        Return the entry of an instance.
        """
        shelf = self._shelves.get(service)
        return None if shelf is None else shelf.live.get(id)

    def services(self) -> list[str]:
        """
        Return the services that have or had instances, sorted.
        """
        return sorted(self._shelves)

    def changes(self, service: str, since: int | None) -> Changes:
        """
        Return what is new to somebody who knows all up to ``since``.

        The whole list, if nothing is known or that cannot be told any more.
        """
        shelf = self._shelves.get(service)
        floor = self._floor if shelf is None else shelf.floor
        if since is None or not floor <= since <= self._number:
            live = () if shelf is None else tuple(entry.record for entry in shelf.live.values())
            return Changes(self._number, True, live, ())
        if shelf is None:
            return Changes(self._number, False, (), ())
        put = []
        for entry in reversed(shelf.live.values()):
            if entry.number <= since:
                break
            put.append(entry.record)
        gone = []
        for removed, number in reversed(shelf.gone.items()):
            if number <= since:
                break
            gone.append(removed)
        return Changes(self._number, False, tuple(reversed(put)), tuple(gone))

    def listen(self, service: str, changed: Callable[[], None]) -> Callable[[], None]:
        """
        Call ``changed`` at each change of a service, until what is returned is called.
        """
        self._listeners.setdefault(service, set()).add(changed)

        def close() -> None:
            listeners = self._listeners.get(service, set())
            listeners.discard(changed)
            if not listeners:
                self._listeners.pop(service, None)

        return close

    def _check_room(self, old: Entry | None, record: bytes) -> None:
        limits = self._limits
        grown = len(record) - (0 if old is None else len(old.record))
        if old is None and self._instances >= limits.instances:
            raise CatalogFull(f"the node holds its limit of {limits.instances} instances")
        if grown > 0 and self._bytes + grown > limits.total_bytes:
            raise CatalogFull(f"the node holds its limit of {limits.total_bytes} bytes of records")

    def _new_shelf(self, service: str) -> _Shelf:
        if len(self._shelves) >= self._limits.services:
            self._drop_an_empty_shelf()
        shelf = self._shelves[service] = _Shelf(self._floor)
        return shelf

    def _drop_an_empty_shelf(self) -> None:
        """
        Forget the oldest service that has no instances any more.
        """
        for name, shelf in self._shelves.items():
            if not shelf.live:
                del self._shelves[name]
                self._floor = self._number
                return
        raise CatalogFull(f"the node holds its limit of {self._limits.services} services")

    def _tell(self, service: str) -> None:
        for changed in tuple(self._listeners.get(service, ())):
            changed()
