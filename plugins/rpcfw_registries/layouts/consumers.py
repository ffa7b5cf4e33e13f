"""
Consumers in a registry: which services this process uses, for people and tools to see.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Sequence

from attrs import define
from twisted.logger import Logger

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Watch
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.local_address import local_address_towards, local_host
from rpcfw.values.address import Address
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.reconciler import Reconciler

__all__ = ["Consumers"]

_log = Logger()


class Consumers:
    """
    A record for each service that is watched here, for as long as it is.

    Args:
        layout: makes the records.
        announced: keeps them in the registry.
        places: addresses of the registry's servers, towards which our own address is found.
    """

    def __init__(
        self,
        layout: Layout,
        announced: Reconciler,
        places: Sequence[Address],
        plugin_context: PluginContext,
    ) -> None:
        self._layout = layout
        self._announced = announced
        self._places = places
        self._threads = plugin_context.threads
        self._watches: Counter[str] = Counter()
        self._host = ""

    def add(self, service: str, watch: Watch) -> Watch:
        """
        Show that a service is watched, until the watch that is returned is closed.
        """
        self._watches[service] += 1
        if self._watches[service] == 1:
            in_background(self._show(service), f"showing that {service} is used here")
        return _ShownWatch(self, service, watch)

    def remove(self, service: str) -> None:
        """
        Learn that a watch was closed.
        """
        self._watches[service] -= 1
        if not self._watches[service]:
            del self._watches[service]
            removing = self._announced.remove_record(_key(service))
            in_background(removing, f"no longer showing that {service} is used here")

    async def _show(self, service: str) -> None:
        if not self._host:
            # It may resolve a name, which blocks.
            self._host = await self._threads.call(_local_address, self._places)
        record = self._layout.consumer(service, self._host)
        if record is None or service not in self._watches:
            return
        try:
            await self._announced.put_record(_key(service), record)
        except RegistryError as error:
            _log.info(
                "others do not see that {service} is used here: {error}",
                service=service,
                error=error,
            )


@define(eq=False)
class _ShownWatch(Watch):
    consumers: Consumers
    service: str
    watch: Watch
    closed: bool = False

    @property
    def trouble(self) -> str:
        return self.watch.trouble

    def close(self) -> None:
        self.watch.close()
        if not self.closed:
            self.closed = True
            self.consumers.remove(self.service)


def _key(service: str) -> tuple[str, str]:
    # No instance has a slash in its id.
    return service, "consumer/"


def _local_address(places: Sequence[Address]) -> str:
    """
    Return the address of this machine towards the registry, or on its default route. Blocks.
    """
    families = socket.AF_INET, socket.AF_INET6
    towards = (
        local_address_towards(place.host, place.port, family)
        for place in places
        for family in families
    )
    return next(filter(None, towards), "") or local_host() or "127.0.0.1"
