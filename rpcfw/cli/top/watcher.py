"""
Looks at the fleet, one after another, as the console does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from rpcfw.app.application import Application
from rpcfw.cli.registry_answer import answer_within
from rpcfw.cli.top.rows import Look, look_of
from rpcfw.console.admin_ports import AdminPorts
from rpcfw.console.announced_ports import AnnouncedPorts
from rpcfw.console.fleet import Fleet
from rpcfw.console.inspect_client import InspectClient, admin_credentials
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.address import Address
from rpcfw.values.probe_report import PROBER_SERVICE

__all__ = ["Watcher"]

_MAX_SERVICES = 10_000
#: Between two questions to the registry which services there are.
_REFRESH_S = 5.0
_WAIT_S = 0.1


class Watcher:
    """
    Follows services, instances and admin ports.

    Args:
        listed: admin ports that no instance announces.
        networks: of hosts whose announced admin ports are asked.
        interval_s: time between two looks.
    """

    def __init__(
        self,
        application: Application,
        registry: Registry,
        listed: Iterable[Address],
        networks: Iterable[str],
        interval_s: float,
    ) -> None:
        self._runtime = application.runtime
        self._registry = registry
        self._interval_s = interval_s
        clock = self._runtime.clock
        self._fleet = Fleet(registry, _REFRESH_S, _MAX_SERVICES, clock, _nothing)
        self._client = InspectClient(self._runtime.network, admin_credentials(application))
        self._ports = AdminPorts(
            self._runtime,
            self._client,
            self._fleet,
            listed,
            AnnouncedPorts(networks),
            interval_s,
            _nothing,
        )

    async def start(self, limit_s: float) -> None:
        """
        Begin, and return when the registry has listed all services.

        Raises:
            RegistryError: it does not within the limit.
            SetupError: the credentials for admin ports cannot be had.
        """
        await self._client.start()
        self._fleet.start()
        timers = self._runtime.timers
        await answer_within(limit_s, self._registry, timers, self._listed())

    async def stop(self) -> None:
        """
        Follow nothing any longer.
        """
        self._ports.stop()
        self._fleet.stop()
        await self._client.stop()

    async def looks(self, only: str) -> AsyncIterator[Look]:
        """
        Yield what is seen, from the second look on: before there are no rates.

        Args:
            only: a part of the names of services.
        """
        await self._ports.look()
        while True:
            await sleep(self._runtime.clock, self._interval_s)
            await self._ports.look()
            yield look_of(self._fleet, self._ports, only)

    async def _listed(self) -> None:
        names = await self._registry.services()
        wanted = {*names[:_MAX_SERVICES]} - {PROBER_SERVICE}
        while not wanted <= {*self._fleet.names}:
            await sleep(self._runtime.clock, _WAIT_S)
            wanted &= {*await self._registry.services()}  # one may go before it is watched


def _nothing() -> None:
    pass
