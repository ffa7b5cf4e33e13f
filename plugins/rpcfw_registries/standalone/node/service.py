"""
The registry server: our own light registry, an rpcfw service like any other.

It keeps all instances in memory. A server that restarts knows none. The providers
notice within a third of their lease and announce again. Consumers keep the instances
that they know until the providers had time for that. Rules (`rules`) are kept in files,
if there is a folder for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec

from rpcfw.errors import Overloaded, Rejected
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.spi.service import Service, method
from rpcfw.values.instance import Instance, instance_from_json
from rpcfw.values.units import Bytes, Seconds
from rpcfw_registries.standalone.messages import (
    MAX_PER_MESSAGE,
    MAX_RECORD_BYTES,
    Granted,
    Keys,
    Name,
    Records,
    Refusal,
    Renewed,
    Update,
)
from rpcfw_registries.standalone.node.catalog import Catalog, CatalogFull, Changes, Limits
from rpcfw_registries.standalone.node.leases import Leases
from rpcfw_registries.standalone.node.records import NodeRecords
from rpcfw_registries.standalone.node.rules import RuleNode

__all__ = ["NodeOptions", "RegistryNode", "node_services"]

#: Records are sent in messages of about this size, far below any limit on messages.
_MESSAGE_BYTES = 256 << 10


@options
class NodeOptions:
    """
    Settings of a registry server.
    """

    min_lease: Seconds = option(
        "1s", "shortest lease; a provider that asks for less gets this", was="shortest_lease"
    )
    max_lease: Seconds = option(
        "60s", "longest lease; a provider that asks for more gets this", was="longest_lease"
    )
    min_update_interval: Seconds = option(
        "10ms", "changes within this time reach a watcher as one update", was="gather"
    )
    max_services: int = option(
        "5000",
        "maximum number of services, also of those that had instances before",
        was="services",
    )
    max_instances: int = option(
        "100000", "maximum number of instances of all services", was="instances"
    )
    max_total_bytes: Bytes = option("256MiB", "maximum size of all records", was="total_size")
    max_watchers: int = option(
        "10000", "maximum number of watches of all consumers", was="watchers"
    )

    rules_folder: Path | None = option(
        "", "folder that keeps the rules over a restart; empty: a restart loses them"
    )
    max_rule_scopes: int = option(
        "5000", "maximum number of services and applications that have rules"
    )
    max_rule_bytes: Bytes = option("128MiB", "maximum size of all rules with their history")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find limits that would allow nothing.
        """
        limits = ("max_services", "max_instances", "max_total_bytes", "max_watchers")
        for name in (*limits, "max_rule_scopes", "max_rule_bytes"):
            if getattr(self, name) < 1:
                yield name, f"must be at least 1, not {getattr(self, name)}"
        if not 0 < self.min_lease <= self.max_lease:
            yield "min_lease", "must be more than 0 and at most max_lease"


def node_services(options: NodeOptions, plugin_context: PluginContext) -> list[Service]:
    """
    Return what a process has to serve to be a registry server.
    """
    limits = Limits(options.max_services, options.max_instances, options.max_total_bytes)
    records = NodeRecords(
        options.rules_folder, options.max_rule_scopes, options.max_rule_bytes, plugin_context
    )
    return [
        RegistryNode(options, plugin_context, Catalog(limits)),
        RuleNode(records, options.max_watchers),
    ]


class RegistryNode(Service, name="rpcfw.registry.v1.Registry"):
    """
    Announce under a lease, renew it, withdraw; ask and watch.

    Every method may be repeated without harm.
    """

    def __init__(
        self, options: NodeOptions, plugin_context: PluginContext, catalog: Catalog
    ) -> None:
        self.catalog = catalog
        #: Names this life of this node.
        self.epoch = f"{plugin_context.random.randrange(1 << 64):016x}"
        self._options = options
        self._clock = plugin_context.clock
        self._leases = Leases(plugin_context.timers, plugin_context.pauses, self._expired)
        self._events: set[Event] = set()
        self._leaving = False
        meter = plugin_context.meter
        self._held = meter.gauge("rpcfw_registry_instances", "instances that this node holds").of()
        self._watched = meter.gauge("rpcfw_registry_watches", "watches that are open").of()
        self._lapsed = meter.counter(
            "rpcfw_registry_expired_total", "instances that were not renewed in time"
        ).of()

    @property
    def watches(self) -> int:
        """
        How many watches are open.
        """
        return len(self._events)

    async def leaving(self) -> None:
        """
        End every watch: consumers go to another server, and nothing delays the stop.
        """
        self._leaving = True
        for event in tuple(self._events):
            event.set()

    async def stopped(self) -> None:
        self._leases.end_all()

    @method(idempotent=True)
    def announce(self, owner: Name, lease_s: float, records: Records) -> Granted:
        """
        Store records, for the time of a lease. A refused record does not affect the others.

        Args:
            owner: who renews and withdraws them: a random name. It separates two
                processes that use the same id. It is no authentication.
        """
        granted = Granted(self._clamped(lease_s))
        for index, raw in enumerate(records):
            try:
                self._put(owner, granted.lease_s, bytes(raw))
            except ValueError as error:
                granted.refused.append(Refusal(index, str(error), final=True))
            except CatalogFull as error:
                granted.refused.append(Refusal(index, str(error), final=False))
        self._held.value = len(self._leases)
        return granted

    @method(idempotent=True)
    def renew(self, owner: Name, lease_s: float, keys: Keys) -> Renewed:
        """
        Renew leases, and return those that are not known here.

        A record that another owner has announced since is left to that owner.
        """
        renewed = Renewed(self._clamped(lease_s))
        for key in keys:
            entry = self.catalog.get(*key)
            if entry is None:
                renewed.missing.append(key)
            elif entry.owner == owner:
                self._leases.grant(*key, renewed.lease_s)
        return renewed

    @method(idempotent=True)
    def withdraw(self, owner: Name, keys: Keys) -> int:
        """
        Remove records that are still the owner's, and return how many.
        """
        gone = 0
        for key in keys:
            if self.catalog.remove(*key, owner):
                self._leases.end(*key)
                gone += 1
        self._held.value = len(self._leases)
        return gone

    @method(idempotent=True)
    def services(self) -> list[str]:
        """
        Return the services that have or had instances, sorted.
        """
        return self.catalog.services()

    @method(idempotent=True, timeout="1h")
    async def watch(self, service: Name, epoch: str = "", since: int = 0) -> AsyncIterator[Update]:
        """
        Send the whole list, then each change.

        Args:
            epoch: with ``since``: those of the last update that the caller has applied.
                It then receives only what it missed, if that is still known.
        """
        event = Event()
        close = self._acquire(service, event)
        try:
            known = since if epoch == self.epoch else None
            changes = self.catalog.changes(service, known)
            for update in self._updates(changes):
                yield update
            while True:
                await event.wait()
                await sleep(self._clock, self._options.min_update_interval)
                if self._leaving:
                    return
                event.clear()
                changes = self.catalog.changes(service, changes.number)
                if changes.complete or changes.put or changes.gone:
                    for update in self._updates(changes):
                        yield update
        finally:
            close()
            self._events.discard(event)
            self._watched.value = len(self._events)

    def _acquire(self, service: str, event: Event) -> Callable[[], None]:
        if self._leaving:
            raise Rejected("this node is stopping")
        if len(self._events) >= self._options.max_watchers:
            raise Overloaded(
                f"this server has its limit of max_watchers = {self._options.max_watchers}"
            )
        self._events.add(event)
        self._watched.value = len(self._events)
        return self.catalog.listen(service, event.set)

    def _clamped(self, lease_s: float) -> float:
        return min(max(lease_s, self._options.min_lease), self._options.max_lease)

    def _put(self, owner: str, lease_s: float, record: bytes) -> None:
        instance = _read(record)
        self.catalog.put(instance.service, instance.id, record, owner)
        self._leases.grant(instance.service, instance.id, lease_s)

    def _expired(self, service: str, id: str) -> None:
        self.catalog.remove(service, id)
        self._lapsed.value += 1
        self._held.value = len(self._leases)

    def _updates(self, changes: Changes) -> Iterator[Update]:
        """
        Cut changes into messages.

        The first says whether to forget, the last what is gone and that this was all.
        """
        parts = list(_parts(changes.put)) or [[]]
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            yield Update(
                epoch=self.epoch,
                number=changes.number,
                complete=changes.complete and index == 0,
                more=not last,
                put=part,
                gone=list(changes.gone) if last else [],
            )


def _read(record: bytes) -> Instance:
    """
    Decode an announced record as its consumers will.

    Raises:
        ValueError: they could not.
    """
    if len(record) > MAX_RECORD_BYTES:
        raise ValueError(
            f"the record has {len(record)} bytes; at most {MAX_RECORD_BYTES} are taken"
        )
    return instance_from_json(record)


def _parts(records: tuple[bytes, ...]) -> Iterator[list[msgspec.Raw]]:
    part: list[msgspec.Raw] = []
    size = 0
    for record in records:
        if part and (len(part) == MAX_PER_MESSAGE or size + len(record) > _MESSAGE_BYTES):
            yield part
            part, size = [], 0
        part.append(msgspec.Raw(record))
        size += len(record)
    if part:
        yield part
