"""
Registries: who serves what, where.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from rpcfw.spi.plugin import Plugin, PluginContext
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
        Why it cannot tell the list just now, in words for a person.

        It may be the service's own (no permission to read it) or the whole registry's
        (no server is reached). Empty while nothing is known against it.
        """
        return ""

    @abstractmethod
    def close(self) -> None:
        """
        Stop it: the listener is not called again. May be repeated.
        """


class Registry(Plugin):
    """
    A place where instances are announced and watched.

    Contract. Every method is called in the reactor's thread and none blocks it.

    `start` does not wait for the place to be reachable: a process must be able
    to start while its registry is unreachable. What was asked for in the meantime is done as
    soon as it is there.

    An announced instance *stays* announced until it is withdrawn or this process
    ends: renewing, announcing again after a lost session, and putting back what
    somebody else deleted are the registry's work, not its user's. When the
    process is killed, its instances vanish within the registry's own
    lease or session time.

    A watch tells the listener the whole list: once as soon as it is known (also
    if it is empty), then after each change, changes that come close together
    possibly as one. While the place is unreachable it is silent: silence means
    "as before". After a reconnect nothing that changed meanwhile is missed.

    A watch that is *refused*, which stays so until a person changes something (no
    permission, a file that cannot be used), says so by `OnRefused`. It goes on
    trying, and tells the list once it can.

    A stored record that cannot be read is skipped with a warning, never fatal.
    """

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        #: Its name in the INI, for errors. Set by the code that made it.
        self.name = "registry"

    @property
    def addresses(self) -> tuple[Address, ...]:
        """
        Where its servers are reached over a network; empty for one that has none.
        """
        return ()

    @property
    def trouble(self) -> str:
        """
        Why it cannot be asked, or does not take what is announced, in words for a person.

        Empty while nothing is known against it. Why one service cannot be watched is
        the trouble of that watch.
        """
        return ""

    def __str__(self) -> str:
        at = ", ".join(map(str, self.addresses))
        return f"{self.name} at {at}" if at else self.name

    @abstractmethod
    async def announce(self, instance: Instance) -> None:
        """
        Make ``instance`` visible and keep it so; return once it is visible.

        The same service and id again replaces what was there (a new weight, say).
        Waits as long as it takes if the place is unreachable: the caller sets the limit.
        Giving up the wait does not take the announcement back. When the registry
        stops, whoever still waits goes on.

        Raises:
            RegistryError: refused for good (no permission, say).
        """

    @abstractmethod
    async def withdraw(self, instance: Instance) -> None:
        """
        Take an announced instance back; return once it is gone.

        What was never announced is ignored. If the place is unreachable, return at once:
        the lease or session will do it.
        """

    @abstractmethod
    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        """
        Tell ``listener`` of all instances of ``service``, now and after each change.

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
