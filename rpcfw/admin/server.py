"""
The admin port of a process: it is open before anything else, and closed after everything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from rpcfw.admin.channel import AdminFactory, Serving
from rpcfw.admin.connections import ConnectionSlots
from rpcfw.admin.gate import Gate
from rpcfw.admin.host_header import HostNames
from rpcfw.admin.options import AdminOptions
from rpcfw.admin.site import Site
from rpcfw.kernel.hooks import Hooks
from rpcfw.server.ports import Ports
from rpcfw.server.stop_steps import closed, stop_step
from rpcfw.spi.authenticator import Authenticator
from rpcfw.spi.inspected_process import InspectedProcess
from rpcfw.spi.page import Page
from rpcfw.spi.plugin import Plugin, PluginContext
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address

__all__ = ["AdminServer"]


class AdminServer:
    """
    Serves pages at the addresses of ``[admin] listen``.

    Args:
        options: see `AdminOptions`.
        pages: what is served.
        authenticators: find out who asks.
        process: what they show.
        network: opens the ports.
        plugin_context: has the clock.
    """

    log = Logger()

    def __init__(
        self,
        options: AdminOptions,
        pages: Sequence[Page],
        authenticators: Sequence[Authenticator],
        process: InspectedProcess,
        network: Network,
        plugin_context: PluginContext,
    ) -> None:
        self._options = options
        self._plugins: tuple[Plugin, ...] = (*authenticators, *pages)
        self._hooks = Hooks(plugin_context.timers)
        names = HostNames(options.listen, options.host_names)
        self._gate = Gate(options, authenticators, plugin_context)
        site = Site(pages, process, names, self._gate, plugin_context)
        self._slots = ConnectionSlots(options.max_connections)
        serving = Serving(site.answer, self._slots, plugin_context.clock, options.request_timeout)
        self._ports = Ports(network, lambda: AdminFactory(serving))

    @property
    def addresses(self) -> tuple[Address, ...]:
        """
        Where it listens. A port of 0 has become a real one.
        """
        return self._ports.addresses

    @property
    def open_connections(self) -> int:
        """
        How many connections are open.
        """
        return len(self._slots)

    async def start(self) -> None:
        """
        Start the pages and open the ports.

        Raises:
            SetupError: an address cannot be listened at, or a page did not start.
        """
        try:
            self._gate.open()
            await self._hooks.start(self._plugins)
            for where in self._options.listen:
                await self._ports.listen(where)
        except BaseException:
            await self.stop()
            raise
        addresses = ", ".join(map(str, self.addresses))
        self.log.info("admin pages at {addresses}", addresses=addresses)

    async def stop(self) -> None:
        """
        Close the ports and the connections, and stop the pages.
        """
        for closing in self._ports.close():
            await stop_step(self.log, "closing an admin port", closed(closing))
        self._slots.close()
        await self._hooks.stop()
