"""
A list of instances in this process, and watches on it.

What memory, static, file and dns share: they differ only in where the list comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import attrs
from attrs import frozen

from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.values.instance import Instance, Snapshot

__all__ = ["ANY_SERVICE", "NO_TROUBLE", "InstanceTable", "LocalWatch", "Trouble", "Watches"]

#: In a list that people write: the instances of every service that has none of its own.
ANY_SERVICE = "*"


@frozen
class Trouble:
    """
    Why the list is not known, or may be out of date.

    Args:
        reason: in words for a person; empty: there is no trouble.
        refused: it stays so until a person changes something.
    """

    reason: str
    refused: bool = False


NO_TROUBLE = Trouble("")


def _none() -> Trouble:
    return NO_TROUBLE


class LocalWatch(Watch):
    """
    A watch that calls its listener in the next turn of the reactor.

    So its owner has the watch by then, and the changes of one turn are one call.

    Args:
        read: gives the list now, or None while it is not known.
        trouble: says why the list is not known, or may be out of date.
        closed: called once when the watch is closed.
    """

    def __init__(
        self,
        clock: Clock,
        read: Callable[[], Snapshot | None],
        trouble: Callable[[], Trouble],
        listener: Listener,
        on_refused: OnRefused,
        closed: Callable[[LocalWatch], None],
    ) -> None:
        self._clock = clock
        self._read = read
        self._trouble = trouble
        self._listener = listener
        self._on_refused = on_refused
        self._closed = closed
        self._last_list: Snapshot | None = None
        self._last_trouble = NO_TROUBLE
        self._pending: DelayedCall | None = None
        self._open = True

    @property
    def trouble(self) -> str:
        return self._trouble().reason

    def check(self) -> None:
        """
        Check, soon, whether the listener is to be called.
        """
        if self._open and self._pending is None:
            self._pending = self._clock.callLater(0, self._notify)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        self._closed(self)

    def _notify(self) -> None:
        self._pending = None
        snapshot = self._read()
        if snapshot is None:
            trouble = self._trouble()
            if trouble.refused and trouble != self._last_trouble:
                self._on_refused(trouble.reason)
            self._last_trouble = trouble
        elif snapshot != self._last_list:
            self._last_list = snapshot
            self._listener(snapshot)


class InstanceTable:
    """
    Instances by service and id.

    Args:
        known: False while it is not yet known what there is.
        star: whether `ANY_SERVICE` is no name of a service but stands for all others.
    """

    def __init__(self, known: bool = True, *, star: bool = False) -> None:
        self.known = known
        self._star = star
        #: Each is called with the name of a service that has changed, or None: all may have.
        self.observers: set[Callable[[str | None], None]] = set()
        self._services: dict[str, dict[str, Instance]] = {}

    def put(self, instance: Instance) -> None:
        """
        Add an instance, or replace the one with its id.
        """
        self._services.setdefault(instance.service, {})[instance.id] = instance
        self._changed(instance.service)

    def take(self, instance: Instance) -> None:
        """
        Remove this very instance. One that has replaced it stays.
        """
        instances = self._services.get(instance.service, {})
        if instances.get(instance.id) is instance:
            del instances[instance.id]
            self._changed(instance.service)

    def replace(self, services: Mapping[str, Iterable[Instance]]) -> None:
        """
        Make these all there is. Services that had instances stay known by name.
        """
        self.known = True
        for service in self._services.keys() - services.keys():
            self._services[service] = {}
        for service, instances in services.items():
            self._services[service] = {instance.id: instance for instance in instances}
        self._changed(None)

    def snapshot(self, service: str) -> Snapshot | None:
        """
        Return the list of a service, or None while it is not known.
        """
        if not self.known:
            return None
        own = self._services.get(service, {})
        if own or not self._star or service == ANY_SERVICE:
            return Snapshot(service, tuple(own.values()))
        anybodys = self._services.get(ANY_SERVICE, {}).values()
        return Snapshot(service, tuple(attrs.evolve(each, service=service) for each in anybodys))

    def names(self) -> tuple[str, ...]:
        """
        Return the services that have or had instances, sorted.
        """
        return tuple(sorted(self._services.keys() - ({ANY_SERVICE} if self._star else set())))

    def _changed(self, service: str | None) -> None:
        for observer in tuple(self.observers):
            observer(None if self._star and service == ANY_SERVICE else service)


class Watches:
    """
    The watches of one registry on one table.

    Args:
        trouble: as in `LocalWatch`.
    """

    def __init__(
        self, clock: Clock, table: InstanceTable, trouble: Callable[[], Trouble] = _none
    ) -> None:
        self._clock = clock
        self._table = table
        self._trouble = trouble
        self._by_service: dict[str, set[LocalWatch]] = {}
        table.observers.add(self.check)

    def open(self, service: str, listener: Listener, on_refused: OnRefused) -> LocalWatch:
        """
        Call ``listener`` with the list of a service, now and after each change.
        """
        watch = LocalWatch(
            self._clock,
            partial(self._table.snapshot, service),
            self._trouble,
            listener,
            on_refused,
            partial(self._forget, service),
        )
        self._by_service.setdefault(service, set()).add(watch)
        watch.check()
        return watch

    def close(self) -> None:
        """
        Close every watch and release the table.
        """
        self._table.observers.discard(self.check)
        for watches in tuple(self._by_service.values()):
            for watch in tuple(watches):
                watch.close()

    def check(self, service: str | None) -> None:
        """
        Have the watches of a service, or all, check whether there is something new.
        """
        for name in self._by_service if service is None else (service,):
            for watch in self._by_service.get(name, ()):
                watch.check()

    def _forget(self, service: str, watch: LocalWatch) -> None:
        watches = self._by_service[service]
        watches.discard(watch)
        if not watches:
            del self._by_service[service]
