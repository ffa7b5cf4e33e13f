"""
Registries: which instances serve a service, and at which address.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import Plugin, PluginContext
from rpcfw.spi.rules import Rules
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, Snapshot

__all__ = ["Listener", "OnRefused", "Registry", "Watch", "ignore"]

#: Called with a list, in the reactor's thread; must not raise and must not block.
Listener = Callable[[Snapshot], None]

#: Called with a reason in words for a person. The same rules.
OnRefused = Callable[[str], None]


def ignore(reason: str) -> None:
    """
    Do nothing about a refusal.
    """


class Watch(ABC):
    """
    One subscription.
    """

    @property
    def trouble(self) -> str:
        """
        Why the list is not available now, in words for a person.

        The reason may concern this service (no permission to read it) or the whole registry (no
        server is reachable). Empty if no problem is known.
        """
        return ""

    @abstractmethod
    def close(self) -> None:
        """
        Stop it: the listener is not called again. May be repeated.
        """


class Registry(Plugin):
    """
    A service where instances are announced and watched.

    Contract. Every method is called in the reactor's thread, and none blocks it.

    `start` does not wait until the registry server is reachable: a process must be able to start
    while its registry is unreachable. What is requested in the meantime is done as soon as the
    server is reachable.

    An announced instance *stays* announced until it is withdrawn or this process ends. The registry
    renews it, announces it again after a lost session, and restores it if somebody else deletes
    it. The caller does none of this. When the process is killed, its instances disappear after
    the lease or session timeout of the registry.

    A watch passes the whole list to the listener: once as soon as it is known (also if it is
    empty), then after each change. Changes in a short time may come as one. While the server is
    unreachable, the listener is not called, and the last list is still valid. After a reconnect
    no change is missed.

    A watch may be *refused* until a person changes something (no permission, a file that cannot
    be used). Then the registry calls `OnRefused` with the reason. It continues to try, and calls
    the listener when it has the list.

    A stored record that cannot be read is skipped with a warning. It is never fatal.
    """

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        #: Its name in the INI, for errors. Set by the code that made it.
        self.name = "registry"

    @property
    def addresses(self) -> tuple[Address, ...]:
        """
        The network addresses of its servers; empty if it has none.
        """
        return ()

    @property
    def trouble(self) -> str:
        """
        Why the registry is unreachable or refuses what is announced, in words for a person.

        Empty if no problem is known. Why one service cannot be watched is in the `trouble` of its
        watch.
        """
        return ""

    def __str__(self) -> str:
        at = ", ".join(map(str, self.addresses))
        return f"{self.name} at {at}" if at else self.name

    @abstractmethod
    async def announce(self, instance: Instance) -> None:
        """
        Make ``instance`` visible and keep it visible; return when it is.

        The same service and id again replaces the instance, for example with a new weight. If the
        server is unreachable, this waits without a limit: the caller sets the limit. Cancelling the
        wait does not withdraw the instance. When the registry stops, callers that wait continue.

        Raises:
            RegistryError: it is refused and a retry would not help (for example: no permission).
        """

    @abstractmethod
    async def withdraw(self, instance: Instance) -> None:
        """
        Withdraw an announced instance; return when it is gone.

        An instance that was never announced is ignored. If the server is unreachable, return at
        once: the instance is removed when its lease or session expires.
        """

    @abstractmethod
    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        """
        Call ``listener`` with all instances of ``service``, now and after each change.

        Args:
            on_refused: called when the watch is refused, perhaps again with a new
                reason. Neither it nor ``listener`` is called before this returns.
        """

    @abstractmethod
    async def services(self) -> tuple[str, ...]:
        """
        Return the names of the services that have, or had, instances; sorted.

        Raises:
            RegistryError: the place cannot be asked just now.
        """

    async def definitions(self, service: str) -> tuple[bytes, ...]:
        """
        Return what providers have published of the methods and types of a service.

        Each is a ``ServiceDefinition`` of Apache Dubbo, as JSON. Few registries keep any.

        Raises:
            RegistryError: it keeps none, or it cannot be asked just now.
        """
        raise RegistryError(f"{self} keeps no definitions of services")

    async def consumers(self, service: str) -> tuple[str, ...]:
        """
        Return the names of the applications whose consumers are listed for a service; sorted.

        Few registries list any: Dubbo's does.

        Raises:
            RegistryError: it lists none, or it cannot be asked just now.
        """
        raise RegistryError(f"{self} lists no consumers of services")

    def rules(self) -> Rules | None:
        """
        Return the rules that are kept in the same place; None if it keeps none.

        They share the registry's connection, and live as long as the registry: nobody starts
        or stops them.
        """
        return None
