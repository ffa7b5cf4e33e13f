"""
Instances in ZooKeeper: an ephemeral znode each, where the layout says.

`docs/zookeeper.md` describes the layouts and the options for users. Here the parts
are joined: the session, the znodes that we announce (`store`, kept so by the
reconciler) and the services that we watch (`watcher`).
"""

from __future__ import annotations

from contextlib import suppress

from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.spi.rules import Rules
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.units import format_duration
from rpcfw_registries.layouts.consumers import Consumers
from rpcfw_registries.layouts.dubbo.layout import DubboLayout
from rpcfw_registries.layouts.json_records import JSONLayout
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.rules.store import FOLDER
from rpcfw_registries.rules.stored import StoredRules
from rpcfw_registries.zookeeper.announced import Announced
from rpcfw_registries.zookeeper.applications.paths import ApplicationPaths
from rpcfw_registries.zookeeper.applications.service import WatchedApplications
from rpcfw_registries.zookeeper.config_center import config_center
from rpcfw_registries.zookeeper.configured import (
    Configurators,
    ConfiguredAnnouncements,
    ConfiguredList,
)
from rpcfw_registries.zookeeper.consumers import read_consumers
from rpcfw_registries.zookeeper.definitions import read_definitions
from rpcfw_registries.zookeeper.kazoo.client import KazooSession
from rpcfw_registries.zookeeper.options import ZooKeeperOptions
from rpcfw_registries.zookeeper.records import ZooKeeperRecords
from rpcfw_registries.zookeeper.session import SessionEvent, ZnodeMissing, ZooKeeperSession
from rpcfw_registries.zookeeper.watcher import Watcher

__all__ = ["ZooKeeperOptions", "ZooKeeperRegistry"]

_log = Logger()


class ZooKeeperRegistry(Registry):
    """
    Instances are kept in a ZooKeeper ensemble.
    """

    Options = ZooKeeperOptions

    options: ZooKeeperOptions

    def __init__(
        self,
        options: ZooKeeperOptions,
        plugin_context: PluginContext,
        session: ZooKeeperSession | None = None,
    ) -> None:
        super().__init__(options, plugin_context)
        self._layout = _layout(options, plugin_context)
        self._clock = plugin_context.clock
        self._session = session or KazooSession(plugin_context, options.access(), options.pace())
        self._announced = Announced(self._session, self._layout, options, plugin_context)
        self._consumers: Consumers | None = None
        if options.layout == "dubbo" and options.show_consumers:
            shown = self._announced.interfaces
            self._consumers = Consumers(self._layout, shown, self.addresses, plugin_context)
        self._applications: WatchedApplications | None = None
        if options.layout == "dubbo":
            paths, interval_s = ApplicationPaths(options.full_root), options.min_update_interval
            self._applications = WatchedApplications(
                paths, self._session, plugin_context, interval_s
            )
        self._watchers: dict[str, Watcher] = {}
        self._records = ZooKeeperRecords(
            self._session,
            options.full_root,
            self._reached,
            self._unreachable,
            options.self_check_interval,
            plugin_context,
        )
        self._rules: Rules = StoredRules(self._records, plugin_context)
        if options.layout == "dubbo":
            self._rules = config_center(
                self._rules, self._records, options.full_root, plugin_context
            )
        self._configurators: Configurators | None = None
        self._announcements: Announced | ConfiguredAnnouncements = self._announced
        if options.layout == "dubbo":
            self._configurators = Configurators(self._rules, plugin_context)
            self._announcements = ConfiguredAnnouncements(self._configurators, self._announced)
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        self._next_check: DelayedCall | None = None
        self._lease: DelayedCall | None = None
        #: Why no server could be reached; empty while one is.
        self._reason = ""

    @classmethod
    def channel_protocols(cls, options: ZooKeeperOptions) -> tuple[str, ...]:
        # Providers of Dubbo may have to be asked which services they offer.
        return ("dubbo",) if options.layout == "dubbo" else ()

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(self.options.address)

    @property
    def trouble(self) -> str:
        return self._unreachable() or self._announced.trouble

    async def start(self) -> None:
        self._check_later()
        self._expect_answer()
        await self._session.open(self._session_changed, self._trouble)

    async def stop(self) -> None:
        for delayed in (self._next_check, self._lease):
            if delayed is not None and delayed.active():
                delayed.cancel()
        if self._configurators is not None:
            self._configurators.close()
        await self._announced.stop()
        for watcher in self._watchers.values():
            watcher.close()
        if self._applications is not None:
            self._applications.close()
        await self._session.close()

    async def announce(self, instance: Instance) -> None:
        self._session.check_process()
        await self._announcements.put(instance)

    async def withdraw(self, instance: Instance) -> None:
        self._session.check_process()
        await self._announcements.remove(instance)

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        self._session.check_process()
        watcher = self._watchers.get(service)
        if watcher is None:
            watcher = self._watchers[service] = Watcher(
                service,
                self._layout,
                self._session,
                self.plugin_context,
                self.options.min_update_interval,
                self._unreachable,
                self._applications,
            )
        if self._configurators is None:
            return watcher.subscribe(listener, on_refused)
        configured = ConfiguredList(self._configurators, listener, self._clock)
        watch = configured.closing(watcher.subscribe(configured.take, on_refused))
        return watch if self._consumers is None else self._consumers.add(service, watch)

    async def services(self) -> tuple[str, ...]:
        self._session.check_process()
        await self._reached()
        found: set[str] = set()
        for folder in self._layout.lists:
            with suppress(ZnodeMissing):
                names = (await self._session.children(folder)).names
                found.update(filter(None, map(self._layout.service, names)))
        return tuple(sorted(found - {FOLDER}))

    def rules(self) -> Rules:
        return self._rules

    async def definitions(self, service: str) -> tuple[bytes, ...]:
        if self.options.layout != "dubbo":
            return await super().definitions(service)
        self._session.check_process()
        await self._reached()
        return await read_definitions(self._session, self._layout.root, service)

    async def consumers(self, service: str) -> tuple[str, ...]:
        if self.options.layout != "dubbo":
            return await super().consumers(service)
        self._session.check_process()
        await self._reached()
        return await read_consumers(self._session, self._layout.root, service)

    def _unreachable(self) -> str:
        """
        Say why no server is reached; nothing while one is.
        """
        if self._session.session_id:
            return ""
        return self._reason or "no server has been reached yet"

    async def _reached(self) -> None:
        """
        Wait until a server is reached, for as long as one request may take.
        """
        deadline = self._clock.seconds() + self.options.operation_timeout
        try:
            await with_deadline(self._announced.reached(), self.plugin_context.timers, deadline)
        except DeadlineExceeded:
            raise RegistryError(
                f"no ZooKeeper server at {', '.join(map(str, self.options.address))} was reached "
                f"within {format_duration(self.options.operation_timeout)}"
                f"{self._reason and ': '}{self._reason}"
            ) from None

    def _session_changed(self, event: SessionEvent) -> None:
        if event is SessionEvent.CONNECTED:
            self._reason = ""
            if self._lease is not None and self._lease.active():
                self._lease.cancel()
            self._look_at_everything()
            return
        self._announced.lost()
        self._expect_answer()

    def _look_at_everything(self) -> None:
        self._announced.connected()
        if self._applications is not None:
            self._applications.outdated()
        for watcher in self._watchers.values():
            watcher.outdated()
        self._records.connected()

    def _expect_answer(self) -> None:
        if self._lease is None or not self._lease.active():
            self._lease = self._clock.callLater(self.options.session_timeout, self._away)

    def _away(self) -> None:
        # kazoo would call the session suspended for as long as no server answers.
        _log.warn(
            "no ZooKeeper server was reached for {away}: others may not see the instances "
            "announced here; the lists known last stay in use",
            away=format_duration(self.options.session_timeout),
        )

    def _trouble(self, reason: str) -> None:
        self._reason = reason
        self._log.warn_of(reason, "ZooKeeper: {reason}", reason=reason)

    def _check_later(self) -> None:
        jitter = 0.9 + 0.2 * self.plugin_context.random.random()
        self._next_check = self._clock.callLater(
            self.options.self_check_interval * jitter, self._check
        )

    def _check(self) -> None:
        self._check_later()
        if self._applications is not None:
            self._applications.outdated()
        for watcher in self._watchers.values():
            watcher.check()


def _layout(options: ZooKeeperOptions, plugin_context: PluginContext) -> Layout:
    if options.layout == "dubbo":
        root = options.full_root
        return DubboLayout(root, plugin_context.application, plugin_context.time_of_day)
    return JSONLayout(options.full_root)
