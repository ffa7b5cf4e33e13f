"""
Which instances of a server are kept out of the registry, and by what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rpcfw.spi.runtime.event import Event
from rpcfw.values.instance import Instance

__all__ = ["OfflineInstances"]


class OfflineInstances:
    """
    The instances that somebody has taken offline, by the rules of their services.

    Theory of operation. Whoever follows rules says so with `expect`, before the server starts.
    Then the server waits until it knows them, or cannot, before it announces anything: an
    instance that is offline must not be seen for a moment after each restart.
    """

    def __init__(self) -> None:
        #: The ids and addresses that are offline, and the place of that rule, by service.
        self._of: dict[str, tuple[frozenset[str], str]] = {}
        self._known: dict[str, Event] = {}
        #: Called with the name of a service whose rules are others now.
        self.changed: Callable[[str], None] = lambda service: None

    def expect(self, service: str) -> None:
        """
        Somebody follows the rules of a service, and will put them here.
        """
        self._known[service] = Event()

    def put(self, service: str, names: Iterable[str], place: str) -> None:
        """
        Take which instances of a service are offline.

        Args:
            names: ids, or addresses.
            place: where this is written, for people.
        """
        self._of[service] = frozenset(names), place
        self.changed(service)
        self.settle(service)

    def settle(self, service: str) -> None:
        """
        The rules of a service are known, or cannot be known for now: nobody has to wait.
        """
        if service in self._known:
            self._known[service].set()

    async def known(self) -> None:
        """
        Return when the rules of all services are known, or cannot be.
        """
        for event in self._known.values():
            await event.wait()

    def place(self, instance: Instance) -> str:
        """
        Return the place of the rule by which an instance is offline; empty: it is not.
        """
        names, place = self._of.get(instance.service, (frozenset(), ""))
        return place if names & {instance.id, str(instance.address)} else ""
