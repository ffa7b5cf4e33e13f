"""
A server as its own services see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rpcfw.server.catalog import Catalog
from rpcfw.server.peers import Peers
from rpcfw.spi.inspection import Calls, Connection, HealthBoard, Inspection, ServedService
from rpcfw.spi.service import Service, offered
from rpcfw.values.address import Address

__all__ = ["ServerInspection"]


class ServerInspection(Inspection):
    """
    Reads what the parts of a server keep.

    Args:
        catalog: its services.
        peers: its connections.
        health: who serves.
        addresses: gives where it listens.
    """

    def __init__(
        self,
        catalog: Catalog,
        peers: Peers,
        health: HealthBoard,
        addresses: Callable[[], tuple[Address, ...]],
    ) -> None:
        self._catalog = catalog
        self._peers = peers
        self._health = health
        self._addresses = addresses
        self._builtin: frozenset[Service] = frozenset()

    def describe_with(self, builtin: Iterable[Service]) -> None:
        """
        Take note of the services that describe the server.
        """
        self._builtin = frozenset(builtin)

    @property
    def health(self) -> HealthBoard:
        return self._health

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self._addresses()

    @property
    def calls(self) -> Calls:
        return self._peers.calls

    def services(self) -> tuple[ServedService, ...]:
        found = [_served(each, each in self._builtin) for each in self._catalog]
        return tuple(sorted(found, key=lambda served: served.name))

    def connections(self) -> tuple[Connection, ...]:
        return self._peers.connections()


def _served(service: Service, builtin: bool) -> ServedService:
    methods = tuple(one.method for one in offered(type(service)))
    return ServedService(type(service).service_name, methods, builtin)
