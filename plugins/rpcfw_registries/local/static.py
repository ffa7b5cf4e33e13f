"""
Addresses in the INI, and nothing behind them.

For a handful of fixed servers, for a load balancer's address, and for trying
something out. Nothing is announced anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.values.instance import Instance
from rpcfw_registries.local.lines import instances_from_lines
from rpcfw_registries.local.table import InstanceTable, Watches

__all__ = ["StaticOptions", "StaticRegistry"]


@options
class StaticOptions:
    """
    Settings of the static registry.
    """

    instances: str = option(
        NO_DEFAULT,
        "one service on each line: demo.Greeter = tcp:10.0.0.5:2200 weight=50, tcp:10.0.0.6:2200; "
        "* for every other service",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find the lines that cannot be read.
        """
        for mistake in instances_from_lines(self.instances)[1]:
            yield "instances", mistake


class StaticRegistry(Registry):
    """
    The instances are in the INI file and do not change while the process runs.

    Announcing and withdrawing are accepted and do nothing, so that a provider can
    run with the same INI as its consumers.
    """

    Options = StaticOptions

    def __init__(self, options: StaticOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        services, _ = instances_from_lines(options.instances)
        self._table = InstanceTable(star=True)
        self._table.replace(services)
        self._watches = Watches(plugin_context.clock, self._table)

    async def stop(self) -> None:
        self._watches.close()

    async def announce(self, instance: Instance) -> None:
        """
        Do nothing: what is served where is in the INI.
        """

    async def withdraw(self, instance: Instance) -> None:
        """
        Do nothing, likewise.
        """

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        return self._watches.open(service, listener, on_refused)

    async def services(self) -> tuple[str, ...]:
        return self._table.names()
