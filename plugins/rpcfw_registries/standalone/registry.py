"""
The registry that comes with the framework: a client of the registry server.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.units import Seconds
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.rules.stored import StoredRules
from rpcfw_registries.standalone.records import StandaloneRecords
from rpcfw_registries.standalone.session import SERVICES, Session
from rpcfw_registries.standalone.store import StandaloneStore
from rpcfw_registries.standalone.watch_stream import WatchStream

__all__ = ["StandaloneOptions", "StandaloneRegistry"]


@options
class StandaloneOptions:
    """
    Settings of the standalone registry.
    """

    address: tuple[Address, ...] = option(
        "tcp:127.0.0.1:2210",
        "address of the registry server; of several, a process uses one",
    )
    shuffle_addresses: bool = option(
        "yes", "each process has a random order of them; no is for servers that no bus joins"
    )
    lease: Seconds = option("10s", "how long an instance stays listed after its provider has died")
    max_reconnect_delay: Seconds = option(
        "5s", "longest delay between attempts to connect to a registry server", was="reconnect"
    )
    min_update_interval: Seconds = option(
        "50ms", "shortest time between two updates of the list of one service"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what leaves nobody to ask.
        """
        if not self.address:
            yield "address", "expected the address of a registry server, got none"


class StandaloneRegistry(Registry):
    """
    Instances are kept in a registry server (``rpcfw registry``).
    """

    Options = StandaloneOptions

    def __init__(self, options: StandaloneOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        addresses = options.address
        if options.shuffle_addresses:
            random = plugin_context.random.random
            addresses = tuple(sorted(addresses, key=lambda address: random()))
        self._session = Session(
            addresses,
            options.max_reconnect_delay,
            plugin_context,
            self._lost,
            # So a consumer leaves a server that it does not reach as soon as a provider does.
            options.lease,
            # If no bus joins the servers, each process that moves alone loses the others.
            returns=options.shuffle_addresses,
        )
        self._store = StandaloneStore(self._session, options.lease, plugin_context)
        self._announced = Reconciler(self._store, "the registry server", plugin_context)
        self._watches = WatchStream(
            self._session, options.lease, options.min_update_interval, plugin_context
        )
        self._rules = StoredRules(StandaloneRecords(self._session, self._watches), plugin_context)

    def rules(self) -> StoredRules:
        return self._rules

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(self.options.address)

    @property
    def trouble(self) -> str:
        return self._session.trouble or self._announced.trouble or self._watches.behind

    async def stop(self) -> None:
        self._watches.close()
        await self._announced.stop()
        await self._session.close()

    async def announce(self, instance: Instance) -> None:
        await self._announced.put(instance)

    async def withdraw(self, instance: Instance) -> None:
        await self._announced.remove(instance)

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        return self._watches.watch(service, listener, on_refused)

    async def services(self) -> tuple[str, ...]:
        refused: CallError | None = None
        for _ in self.options.address:
            try:
                return tuple(await self._session.call(SERVICES))
            except CallError as error:
                refused = error
        raise RegistryError(f"no registry server answers: {refused}")

    def _lost(self) -> None:
        self._announced.lost()
