"""
Instances in etcd: a key each, ``ROOT/SERVICE/ID``, on a lease.

`docs/etcd.md` describes the layout and the options for users. Here the parts are
joined: the way to a member (`session`, over what `opening` chooses), the keys that we
announce (`store`, kept so by the reconciler) and the services that we watch (`watcher`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from twisted.internet.defer import Deferred

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.tls_files import TLSFiles
from rpcfw.values.units import Seconds
from rpcfw_registries.etcd.listing import end_of, service_prefix
from rpcfw_registries.etcd.messages import RANGE, message
from rpcfw_registries.etcd.opening import file_problem, opener
from rpcfw_registries.etcd.records import EtcdRecords
from rpcfw_registries.etcd.session import FINAL, EtcdSession, explained
from rpcfw_registries.etcd.store import EtcdStore
from rpcfw_registries.etcd.tokens import Tokens
from rpcfw_registries.etcd.watcher import Watcher
from rpcfw_registries.remote.paths import decoded, normal_root
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.rules.store import FOLDER
from rpcfw_registries.rules.stored import StoredRules

__all__ = ["EtcdOptions", "EtcdRegistry"]

#: Keys in one answer while the services are listed. What is left of a service that
#: has more is skipped.
_LOOK_KEYS = 200

#: Below this, asking would leave the members time for little else.
_MIN_CHECK_S = 0.01


@options
class EtcdOptions:
    """
    The part of the INI that chooses ``plugin = etcd``.
    """

    address: tuple[Address, ...] = option(
        "127.0.0.1:2379", "members of the cluster; write tls: before each for TLS"
    )
    root: str = option("/rpcfw", "prefix of all keys of rpcfw")
    lease: Seconds = option(
        "10s", "how long instances stay listed after a provider has died, in seconds"
    )
    operation_timeout: Seconds = option("3s", "time limit of one request to a member")
    heartbeat_interval: Seconds = option(
        "5s", "how often to check that the member in use answers", was="heartbeat"
    )
    max_reconnect_delay: Seconds = option(
        "5s", "longest delay between attempts to connect to a member", was="reconnect_most"
    )
    self_check_interval: Seconds = option(
        "30s",
        "how often to check that our keys exist and that no change was missed",
        was="self_check",
    )
    min_update_interval: Seconds = option(
        "50ms", "shortest time between two updates of the list of one service", was="merge_changes"
    )
    client: Literal["rpcfw", "etcd3"] = option(
        "rpcfw", "client for etcd: rpcfw itself, or the installed Python package etcd3"
    )
    tls_ca: Path | None = option(
        "", "PEM file with the trusted authorities; without any tls_ option, [tls] is used"
    )
    tls_certificate: Path | None = option("", "PEM file with our certificate, if etcd requires one")
    tls_key: Path | None = option("", "PEM file with the key of our certificate")
    user: str = option("", "user, if etcd has authentication enabled")
    password: str = option("", "password of the user", secret=True)

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what does not fit together, and files of TLS that are not there.
        """
        try:
            normal_root(self.root)
        except ValueError as error:
            yield "root", str(error)
        if not self.address or any(each.scheme not in ("tcp", "tls") for each in self.address):
            yield "address", "expected HOST:PORT, several separated by commas"
        for name in ("heartbeat_interval", "self_check_interval"):
            if getattr(self, name) < _MIN_CHECK_S:
                yield name, f"must be at least 10ms, not {getattr(self, name):g}s"
        if bool(self.user) != bool(self.password):
            yield "user", "user and password go together"
        yield from self._tls_problems()

    def _tls_problems(self) -> Iterator[tuple[str, str]]:
        secure = any(each.scheme == "tls" for each in self.address)
        if bool(self.tls_certificate) != bool(self.tls_key):
            yield "tls_certificate", "tls_certificate and tls_key go together"
        if (self.tls_ca or self.tls_certificate) and not secure:
            yield "address", "for the tls_ options to count, put tls: before each address"
        if self.client == "etcd3" and secure and self.tls_ca is None:
            reason = "with client = etcd3, tls: addresses need tls_ca: the package has no TLS"
            yield "client", f"{reason} without a file of authorities, and sees nothing of [tls]"
        for name in ("tls_ca", "tls_certificate", "tls_key"):
            if problem := file_problem(getattr(self, name)):
                yield name, problem


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
        self._root = normal_root(options.root).encode()
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
        self._store = EtcdStore(self._session, self._root, options.lease, plugin_context)
        self._announced = Reconciler(
            self._store, "etcd", plugin_context, options.self_check_interval
        )
        self._watchers: dict[str, Watcher] = {}
        records = EtcdRecords(self._session, self._root.decode(), self._live, plugin_context)
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
        await self._announced.put(instance)

    async def withdraw(self, instance: Instance) -> None:
        await self._announced.remove(instance)

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        self._live()
        watcher = self._watchers.get(service)
        if watcher is None:
            watcher = self._watchers[service] = Watcher(
                service,
                service_prefix(self._root, service),
                self._session,
                self.options.min_update_interval,
                self.plugin_context,
            )
        return watcher.subscribe(listener, on_refused)

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
                decoded(part.decode(errors="replace")) for part, slash, _ in parts if slash
            )
            more = page.more and bool(parts)
            if more:
                part, slash, _ = parts[-1]
                start = end_of(root + part + slash) if slash else page.kvs[-1].key + b"\0"
        return tuple(sorted(names - {FOLDER}))

    def rules(self) -> StoredRules:
        return self._rules

    # While it is used.

    def _lost(self) -> None:
        self._announced.lost()

    def _live(self) -> None:
        if self._heartbeat is None:
            self._heartbeat = in_background(self._beat(), "sending heartbeats to etcd")
            self._checking = in_background(self._check(), "checking what is known of etcd")

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
