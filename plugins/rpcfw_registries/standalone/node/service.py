"""
The registry server: our own light registry, an rpcfw service like any other.

It keeps all instances in memory. A server that restarts knows none. The providers
notice within a third of their lease and announce again. Consumers keep the instances
that they know until the providers had time for that. Rules (`rules`) are kept in files,
if there is a folder for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache

from rpcfw.errors import PermissionDenied
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service import Service, method
from rpcfw.values.instance import Instance, instance_from_json
from rpcfw.values.rule import service_scope
from rpcfw_registries.standalone.messages import (
    Counter,
    Granted,
    Key,
    Keys,
    Name,
    Records,
    Refusal,
    Renewed,
)
from rpcfw_registries.standalone.node.caller import Caller, current_caller
from rpcfw_registries.standalone.node.catalog import Catalog, CatalogFull, Limits
from rpcfw_registries.standalone.node.clients import LimitReached
from rpcfw_registries.standalone.node.guard import Action, Guard
from rpcfw_registries.standalone.node.leases import Leases
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.record_text import check_record_text
from rpcfw_registries.standalone.node.records import NodeRecords
from rpcfw_registries.standalone.node.replication.group import BusOfGroup, Group
from rpcfw_registries.standalone.node.replication.peers import Peers
from rpcfw_registries.standalone.node.replication.replica import MAX_REMOVED, Replica
from rpcfw_registries.standalone.node.replication.rule_exchange import RuleExchange, RulePeers
from rpcfw_registries.standalone.node.replication.snapshot import Snapshot
from rpcfw_registries.standalone.node.replication.times import Times
from rpcfw_registries.standalone.node.rule_encoder import RuleEncoder
from rpcfw_registries.standalone.node.rules import RuleNode
from rpcfw_registries.standalone.node.watches import Watches
from rpcfw_registries.standalone.updates import Updates, WatchRequest

__all__ = ["RegistryNode", "node_services"]

#: So many intervals of digests a server waits for a peer before it answers with what it has.
_JOINING_INTERVALS = 2


def node_services(
    options: NodeOptions, plugin_context: PluginContext, bus: BusOfGroup | None = None
) -> list[Service]:
    """
    Return what a process has to serve to be a registry server.

    Args:
        bus: joins it with other servers; None: it is alone.
    """
    limits = Limits(options.max_services, options.max_instances, options.max_total_bytes)
    records = NodeRecords(
        options.rules_folder, options.max_rule_scopes, options.max_rule_bytes, plugin_context
    )
    guard = Guard(options, plugin_context)
    exchange = RuleExchange(records, plugin_context.meter, plugin_context.clock.seconds)
    node = RegistryNode(options, plugin_context, Catalog(limits), guard, records, bus, exchange)
    replica = node.replica
    services = [node, RuleNode(records, guard, lambda: replica.joining)]
    group = node.group
    if group is None:
        return services
    return [
        *services,
        RulePeers(records, guard),
        Peers(node.replica, guard, lambda: group.status(node.leases, node.watches)),
    ]


class RegistryNode(Service, name="rpcfw.registry.v1.Registry"):
    """
    Announce under a lease, renew it, withdraw; ask and watch.

    Every method may be repeated without harm.
    """

    def __init__(
        self,
        options: NodeOptions,
        plugin_context: PluginContext,
        catalog: Catalog,
        guard: Guard,
        records: NodeRecords,
        bus: BusOfGroup | None = None,
        exchange: RuleExchange | None = None,
    ) -> None:
        self.catalog = catalog
        #: Says who may do what here.
        self.guard = guard
        #: Names this life of this node.
        self.epoch = f"{plugin_context.random.randrange(1 << 64):016x}"
        self._options = options
        self._clock = plugin_context.clock
        self._leases = Leases(plugin_context.timers, plugin_context.pauses, self._expired)
        rules = RuleEncoder(records, lambda: self.replica.joining)
        self._watches = Watches(catalog, rules, guard, options, self.epoch, plugin_context)
        self.group: Group | None = None
        #: A server alone is a group of one that tells nobody.
        self.replica = self._replica(bus)
        if bus is not None:
            self.group = Group(
                self.replica,
                bus.bus,
                options.group,
                plugin_context,
                _JOINING_INTERVALS * options.digest_interval,
                self._watches.set_behind,
                self._snapshot(plugin_context),
                exchange,
            )
        meter = plugin_context.meter
        self._held = meter.gauge("rpcfw_registry_instances", "instances that this node holds").of()
        self._lapsed = meter.counter(
            "rpcfw_registry_expired_total", "instances that were not renewed in time"
        ).of()

    @property
    def leases(self) -> int:
        """
        How many instances have their leases here.
        """
        return len(self._leases)

    @property
    def watches(self) -> int:
        """
        How many watches are open.
        """
        return len(self._watches)

    async def started(self) -> None:
        self.guard.open()
        if self.group is not None:
            await self.group.start()

    async def leaving(self) -> None:
        """
        End every watch: consumers go to another server, and nothing delays the stop.
        """
        self._watches.leave()

    async def stopped(self) -> None:
        self._leases.end_all()
        self._watches.stop()
        if self.group is not None:
            await self.group.leave()
        self.guard.close()

    @method(idempotent=True)
    def announce(self, owner: Name, lease_s: float, records: Records, seen: Counter = 0) -> Granted:
        """
        Store records, for the time of a lease. A refused record does not affect the others.

        Args:
            owner: who renews and withdraws them: a random name. It separates two
                processes that use the same id. It is no authentication; see `Guard`.
            seen: the highest `Granted.version` that the owner received, from any server.
        """
        caller = current_caller()
        self.guard.clients.check_changes(caller)
        granted = Granted(self._clamped(lease_s))
        for index, raw in enumerate(records):
            try:
                self._put(caller, owner, granted.lease_s, bytes(raw), seen)
            except ValueError as error:
                granted.refused.append(Refusal(index, str(error), final=True))
            except PermissionDenied as error:
                granted.refused.append(Refusal(index, error.message, final=True))
            except (CatalogFull, LimitReached) as error:
                granted.refused.append(Refusal(index, str(error), final=False))
        granted.version = self.replica.counter
        self._held.value = len(self._leases)
        return granted

    @method(idempotent=True)
    def renew(self, owner: Name, lease_s: float, keys: Keys) -> Renewed:
        """
        Renew leases, and return those that are not known here.

        A record that another owner has announced since is left to that owner. One that another
        client holds, or whose caller may not announce it any more, is called unknown, so that
        announcing it shows the refusal.
        """
        caller = current_caller()
        allowed = cache(lambda service: self._allows(caller, Action.ANNOUNCE, service))
        renewed = Renewed(self._clamped(lease_s))
        for key in keys:
            entry = self.catalog.get(*key)
            if entry is None or not allowed(key[0]) or self._holds_other(caller, key):
                renewed.missing.append(key)
            elif entry.owner != owner:
                continue
            elif self.replica.renewed(*key):
                self._leases.grant(*key, renewed.lease_s)
            else:
                renewed.missing.append(key)
        renewed.version = self.replica.counter
        return renewed

    @method(idempotent=True)
    def withdraw(self, owner: Name, keys: Keys) -> int:
        """
        Remove records that are still the owner's, and return how many.
        """
        caller, gone = current_caller(), 0
        for key in keys:
            if self._holds_other(caller, key) or not self.replica.remove(*key, owner):
                continue
            self._leases.end(*key)
            self.guard.clients.release(key)
            self.guard.note(caller, "withdraw", {"service": key[0], "id": key[1]})
            gone += 1
        self._held.value = len(self._leases)
        return gone

    @method(idempotent=True)
    def services(self) -> list[str]:
        """
        Return the services that have or had instances, sorted; those that the caller may watch.
        """
        caller = current_caller()
        names = self.catalog.services()
        return [name for name in names if self._allows(caller, Action.WATCH, name)]

    @method(idempotent=True, timeout="1h")
    def watch(self, requests: AsyncIterator[WatchRequest]) -> AsyncIterator[Updates]:
        """
        Send the lists and the rules that a consumer asks for, then each change.

        See `rpcfw_registries.standalone.updates`.
        """
        return self._watches.updates(current_caller(), requests)

    def _allows(self, caller: Caller, action: Action, service: str) -> bool:
        return not self.guard.refusal(caller, action, service_scope(service))

    def _holds_other(self, caller: Caller, key: Key) -> bool:
        """
        Tell whether somebody else holds an instance, at this server or at another of the group.
        """
        proved = self.replica.holder(key)
        return self.guard.holds_other(caller, key) or not caller.has_proved(proved)

    def _clamped(self, lease_s: float) -> float:
        # In this order NaN, which some codecs can carry, becomes the shortest lease.
        return min(max(self._options.min_lease, lease_s), self._options.max_lease)

    def _put(self, caller: Caller, owner: str, lease_s: float, record: bytes, seen: int) -> None:
        instance, guard = _read(record), self.guard
        key = instance.service, instance.id
        guard.check(caller, Action.ANNOUNCE, service_scope(instance.service))
        if self._holds_other(caller, key):
            reason = "another client has announced it, and its lease is not over"
            guard.note_announced(caller, instance, refused=reason)
            raise LimitReached(reason)
        guard.clients.check_size(caller, key, len(record))
        # A new version goes to every server of the group, even if only the version is new. One
        # that a snapshot had may be kept here, and held by nobody.
        is_new = self.replica.put(*key, record, owner, seen, caller.proved)
        if is_new or guard.clients.holder(key) is None:
            guard.clients.hold(caller, key, len(record))
            guard.clients.count_change(caller)
            guard.note_announced(caller, instance)
        self._leases.grant(*key, lease_s)

    def _replica(self, bus: BusOfGroup | None) -> Replica:
        now = self._clock.seconds()
        if bus is None:
            return Replica(self.epoch, "", self.catalog, now)
        times = Times(self._options.digest_interval, self._options.lost_after)
        return Replica(
            self.epoch,
            bus.address,
            self.catalog,
            now,
            times,
            MAX_REMOVED,
            self._moved,
            self._written,
        )

    def _snapshot(self, plugin_context: PluginContext) -> Snapshot | None:
        options = self._options
        if options.snapshot is None:
            return None
        limits = options.max_instances, options.max_total_bytes
        return Snapshot(options.snapshot, self.replica, self.catalog, *limits, plugin_context)

    def _written(self) -> None:
        if self.group is not None:
            self.group.written()

    def _moved(self, service: str, id: str) -> None:
        self._leases.end(service, id)
        self.guard.clients.release((service, id))
        self._held.value = len(self._leases)

    def _expired(self, service: str, id: str) -> None:
        self.replica.remove(service, id)
        self.guard.clients.release((service, id))
        self.guard.note(None, "expire", {"service": service, "id": id})
        self._lapsed.value += 1
        self._held.value = len(self._leases)


def _read(record: bytes) -> Instance:
    """
    Decode an announced record as its consumers will.

    Raises:
        ValueError: they could not.
    """
    check_record_text(record)
    return instance_from_json(record)
