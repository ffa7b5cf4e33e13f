"""
Instances in ZooKeeper: an ephemeral znode each, where the layout says.

`docs/zookeeper.md` describes the layouts and the options for users. Here the parts
are joined: the session, the znodes that we announce (`store`, kept so by the
reconciler) and the services that we watch (`watcher`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded, RegistryError, SettingsError
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.units import Seconds, format_duration
from rpcfw_registries.layouts.consumers import Consumers
from rpcfw_registries.layouts.dubbo.layout import DubboLayout
from rpcfw_registries.layouts.json_records import JSONLayout
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.paths import normal_root
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.zookeeper.definitions import read_definitions
from rpcfw_registries.zookeeper.kazoo.access import TLS, Access, Pace
from rpcfw_registries.zookeeper.kazoo.client import KazooSession
from rpcfw_registries.zookeeper.session import SessionEvent, ZnodeMissing, ZooKeeperSession
from rpcfw_registries.zookeeper.store import ZooKeeperStore
from rpcfw_registries.zookeeper.watcher import Watcher

__all__ = ["ZooKeeperOptions", "ZooKeeperRegistry"]

_log = Logger()

#: Below this, checking would leave the servers time for little else.
_MIN_CHECK_S = 0.1


@options
class ZooKeeperOptions:
    """
    The part of the INI that chooses ``plugin = zookeeper``.
    """

    address: tuple[Address, ...] = option("127.0.0.1:2181", "servers of the ensemble")
    layout: Literal["rpcfw", "dubbo"] = option(
        "rpcfw", "how instances are kept; dubbo: as Apache Dubbo in Java does"
    )
    root: str = option("", "path of all znodes; empty: /rpcfw, or /dubbo with layout = dubbo")
    show_consumers: bool = option(
        "yes", "with layout = dubbo: show under consumers which services are used here"
    )
    session_timeout: Seconds = option(
        "10s", "how long instances stay listed after a provider has died; the servers may change it"
    )
    operation_timeout: Seconds = option("5s", "time limit of one request to a server")
    connect_timeout: Seconds = option("3s", "time limit of one attempt to connect")
    max_reconnect_delay: Seconds = option(
        "5s", "longest delay between attempts to connect, before jitter", was="reconnect_most"
    )
    self_check_interval: Seconds = option(
        "30s",
        "how often to check that our znodes exist and that no change was missed",
        was="self_check",
    )
    min_update_interval: Seconds = option(
        "50ms", "shortest time between two reads of the list of one service", was="merge_changes"
    )
    user: str = option(
        "", "user for digest authentication; only this user may change what it wrote"
    )
    password: str = option("", "password of the user", secret=True)
    readers: Literal["user", "anyone"] = option("user", "who may read what the user wrote")
    tls: bool = option("no", "connect with TLS, to the secure port of the servers")
    tls_ca: Path | None = option(
        "", "file with the trusted authorities; empty: those of the system"
    )
    tls_certificate: Path | None = option(
        "", "file with our certificate, if the servers require one"
    )
    tls_key: Path | None = option("", "file with the key of our certificate")
    tls_verify: Literal["full", "chain", "none"] = option(
        "full",
        "full: check the certificate and its host name; chain: only its chain; none: nothing",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together, and files of TLS that cannot be used.
        """
        try:
            normal_root(_root(self))
        except ValueError as error:
            yield "root", str(error)
        if self.self_check_interval < _MIN_CHECK_S:
            yield (
                "self_check_interval",
                f"must be at least 100ms, not {self.self_check_interval:g}s",
            )
        if not self.address or any(each.scheme != "tcp" for each in self.address):
            yield "address", "expected HOST:PORT, several separated by commas"
        if bool(self.user) != bool(self.password) or ":" in self.user:
            yield "user", "user and password go together; no colon may be in the user"
        if bool(self.tls_certificate) != bool(self.tls_key):
            yield "tls_certificate", "tls_certificate and tls_key go together"
        elif self.tls:
            try:
                _tls(self).context()
            except SettingsError as error:
                yield "tls", str(error)


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
        self._session = session or KazooSession(plugin_context, _access(options), _pace(options))
        self._store = ZooKeeperStore(self._session, self._layout)
        self._announced = Reconciler(
            self._store,
            "ZooKeeper",
            plugin_context,
            options.self_check_interval,
            self._layout.record,
        )
        self._consumers: Consumers | None = None
        if options.layout == "dubbo" and options.show_consumers:
            self._consumers = Consumers(
                self._layout, self._announced, self.addresses, plugin_context
            )
        self._watchers: dict[str, Watcher] = {}
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        self._next_check: DelayedCall | None = None
        self._lease: DelayedCall | None = None
        #: Why no server could be reached; empty while one is.
        self._reason = ""

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
        await self._announced.stop()
        for watcher in self._watchers.values():
            watcher.close()
        await self._session.close()

    async def announce(self, instance: Instance) -> None:
        self._session.check_process()
        await self._announced.put(instance)

    async def withdraw(self, instance: Instance) -> None:
        self._session.check_process()
        await self._announced.remove(instance)

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
            )
        watch = watcher.subscribe(listener, on_refused)
        return watch if self._consumers is None else self._consumers.add(service, watch)

    async def services(self) -> tuple[str, ...]:
        self._session.check_process()
        await self._reached()
        try:
            children = await self._session.children(self._layout.root)
        except ZnodeMissing:
            return ()
        return tuple(sorted(filter(None, map(self._layout.service, children.names))))

    async def definitions(self, service: str) -> tuple[bytes, ...]:
        if self.options.layout != "dubbo":
            return await super().definitions(service)
        self._session.check_process()
        await self._reached()
        return await read_definitions(self._session, self._layout.root, service)

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
            await with_deadline(self._store.open(), self.plugin_context.timers, deadline)
        except DeadlineExceeded:
            raise RegistryError(
                f"no ZooKeeper server at {', '.join(map(str, self.options.address))} was reached "
                f"within {format_duration(self.options.operation_timeout)}"
                f"{self._reason and ': '}{self._reason}"
            ) from None

    def _session_changed(self, event: SessionEvent) -> None:
        if event is SessionEvent.CONNECTED:
            self._reason = ""
            self._store.connected()
            if self._lease is not None and self._lease.active():
                self._lease.cancel()
            self._look_at_everything()
            return
        self._announced.lost()
        self._expect_answer()

    def _look_at_everything(self) -> None:
        self._announced.check()
        for watcher in self._watchers.values():
            watcher.outdated()

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
        for watcher in self._watchers.values():
            watcher.check()


def _root(options: ZooKeeperOptions) -> str:
    return options.root or f"/{options.layout}"


def _layout(options: ZooKeeperOptions, plugin_context: PluginContext) -> Layout:
    root = normal_root(_root(options))
    if options.layout == "dubbo":
        return DubboLayout(root, plugin_context.application, plugin_context.time_of_day)
    return JSONLayout(root)


def _tls(options: ZooKeeperOptions) -> TLS:
    return TLS(options.tls_ca, options.tls_certificate, options.tls_key, options.tls_verify)


def _access(options: ZooKeeperOptions) -> Access:
    return Access(
        hosts=tuple(str(each).removeprefix("tcp:") for each in options.address),
        user=options.user,
        password=options.password,
        public=options.readers == "anyone",
        tls=_tls(options) if options.tls else None,
    )


def _pace(options: ZooKeeperOptions) -> Pace:
    return Pace(
        session_timeout_s=options.session_timeout,
        operation_timeout_s=options.operation_timeout,
        connect_timeout_s=options.connect_timeout,
        max_reconnect_delay_s=options.max_reconnect_delay,
    )
