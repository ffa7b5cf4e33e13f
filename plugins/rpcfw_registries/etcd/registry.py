"""
Instances in etcd: a key each, where the layout says, on a lease.

`docs/etcd.md` describes the layouts and the options for users. Here the parts are
joined: the way to a member (`session`, over what `opening` chooses), the keys that we
announce (`store`, kept so by the reconciler) and the services that we watch (`watcher`).
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.tls_files import TLSFiles
from rpcfw_registries.etcd.listing import end_of
from rpcfw_registries.etcd.messages import RANGE, message
from rpcfw_registries.etcd.opening import opener
from rpcfw_registries.etcd.options import EtcdOptions
from rpcfw_registries.etcd.records import EtcdRecords
from rpcfw_registries.etcd.session import FINAL, EtcdSession, explained
from rpcfw_registries.etcd.store import EtcdStore
from rpcfw_registries.etcd.tokens import Tokens
from rpcfw_registries.etcd.watcher import Watcher
from rpcfw_registries.layouts.announcer import LayoutAnnouncer
from rpcfw_registries.layouts.consumers import Consumers
from rpcfw_registries.layouts.dubbo.layout import DubboLayout
from rpcfw_registries.layouts.json_keys import JSONKeys
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.rules.store import FOLDER
from rpcfw_registries.rules.stored import StoredRules

__all__ = ["EtcdOptions", "EtcdRegistry"]

#: Keys in one answer while the services are listed. What is left of a service that
#: has more is skipped.
_LOOK_KEYS = 200


class EtcdRegistry(Registry):
    """
    Instances are kept in an etcd cluster.
    """

    Options = EtcdOptions

    options: EtcdOptions

    @classmethod
    def channel_protocols(cls, options: EtcdOptions) -> tuple[str, ...]:
        return ("grpc",) if options.client == "rpcfw" else ()

    def __init__(self, options: EtcdOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._layout = _layout(options, plugin_context)
        self._root = options.full_root.encode()
        self._files = TLSFiles(options.tls_ca, options.tls_certificate, options.tls_key)
        # Not all at the same member.
        first = plugin_context.random.randrange(len(options.address))
        self._session = EtcdSession(
            options.address[first:] + options.address[:first],
            opener(options.client, self._files, plugin_context),
            Tokens(options.user, options.password),
            options.operation_timeout,
            options.max_reconnect_delay,
            plugin_context,
            self._lost,
        )
        store = EtcdStore(self._session, self._layout, options.lease, plugin_context)
        check_s, record_of = options.self_check_interval, self._layout.record
        self._announced = Reconciler(store, "etcd", plugin_context, check_s, record_of)
        self._announcer = LayoutAnnouncer(self._announced, self._layout)
        self._consumers: Consumers | None = None
        if options.layout == "dubbo" and options.show_consumers:
            shown = self._announced
            self._consumers = Consumers(self._layout, shown, self.addresses, plugin_context)
        self._watchers: dict[str, Watcher] = {}
        records = EtcdRecords(self._session, options.full_root, self._live, plugin_context)
        self._rules = StoredRules(records, plugin_context)
        self._heartbeat: Deferred[None] | None = None
        self._checking: Deferred[None] | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(self.options.address)

    @property
    def trouble(self) -> str:
        return self._session.trouble or self._announced.trouble

    async def start(self) -> None:
        # If something is missing for a channel, it fails now and not at its first use.
        self._session.channel()

    async def stop(self) -> None:
        for task in (self._heartbeat, self._checking):
            if task is not None:
                task.cancel()
        for watcher in self._watchers.values():
            watcher.close()
        await self._announced.stop()
        await self._session.close()

    async def announce(self, instance: Instance) -> None:
        self._live()
        await self._announcer.put(instance)

    async def withdraw(self, instance: Instance) -> None:
        await self._announcer.remove(instance)

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        self._live()
        watcher = self._watchers.get(service)
        if watcher is None:
            watcher = self._watchers[service] = Watcher(
                service,
                self._layout,
                self._session,
                self.options.min_update_interval,
                self.plugin_context,
            )
        watch = watcher.subscribe(listener, on_refused)
        return watch if self._consumers is None else self._consumers.add(service, watch)

    async def services(self) -> tuple[str, ...]:
        failed: CallError | None = None
        for _ in self.options.address:
            try:
                return await self._services()
            except CallError as error:
                failed = error
                if error.status in FINAL:
                    raise explained(error) from None
        members = ", ".join(map(str, self.options.address))
        raise RegistryError(f"no etcd member answers at {members}: {failed}")

    async def _services(self) -> tuple[str, ...]:
        root = self._root + b"/"
        names: set[str] = set()
        start, more = root, True
        while more:
            request = message(
                "RangeRequest", key=start, range_end=end_of(root), limit=_LOOK_KEYS, keys_only=True
            )
            page = await self._session.call(RANGE, request)
            parts = [kv.key[len(root) :].partition(b"/") for kv in page.kvs]
            names.update(
                self._layout.service(part.decode(errors="replace"))
                for part, slash, _ in parts
                if slash
            )
            more = page.more and bool(parts)
            if more:
                part, slash, _ = parts[-1]
                start = end_of(root + part + slash) if slash else page.kvs[-1].key + b"\0"
        return tuple(sorted(names - {"", FOLDER}))

    def rules(self) -> StoredRules:
        return self._rules

    # While it is used.

    def _lost(self) -> None:
        self._announced.lost()

    def _live(self) -> None:
        if self._heartbeat is None:
            clock = self.plugin_context.clock
            self._heartbeat = loop_in_background(self._beat, "sending heartbeats to etcd", clock)
            self._checking = loop_in_background(
                self._check, "checking what is known of etcd", clock
            )

    async def _beat(self) -> None:
        # A linearizable read: a member that is cut off from the quorum fails it, and is left.
        request = message("RangeRequest", key=self._root + b"/", limit=1, keys_only=True)
        while True:
            await sleep(self.plugin_context.clock, self.options.heartbeat_interval)
            await self._session.open()
            try:
                await self._session.call(RANGE, request)
            except CallError:
                continue  # the session has seen to it

    async def _check(self) -> None:
        while True:
            jitter = 0.9 + 0.2 * self.plugin_context.random.random()
            await sleep(self.plugin_context.clock, self.options.self_check_interval * jitter)
            for watcher in tuple(self._watchers.values()):
                watcher.check()


def _layout(options: EtcdOptions, plugin_context: PluginContext) -> Layout:
    if options.layout == "dubbo":
        root = options.full_root
        return DubboLayout(root, plugin_context.application, plugin_context.time_of_day)
    return JSONKeys(options.full_root)
