"""
A server as its builtin services see it.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.server.calls.method_table import MethodTable
from rpcfw.server.connections.connections import ConnectionTable
from rpcfw.server.health import ServerHealth
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import (
    Calls,
    Clients,
    Connection,
    HealthBoard,
    Inspection,
    ServedService,
)
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service import Service
from rpcfw.spi.service_class import offered
from rpcfw.values.address import Address
from rpcfw.values.method_rates import MethodRates
from rpcfw.values.recent_call import RecentCall

__all__ = ["OtherServer", "ServerInspection"]


class ServerInspection(Inspection):
    """
    Reads the state of a server.

    Args:
        methods: its services.
        connections: its connections.
        addresses: returns where it listens.
        last_call_at: returns when the last call came.
        clients: what its process calls.
        context: of its process.
    """

    def __init__(
        self,
        methods: MethodTable,
        connections: ConnectionTable,
        addresses: Callable[[], tuple[Address, ...]],
        last_call_at: Callable[[], float | None],
        clients: Clients,
        context: PluginContext,
    ) -> None:
        self._methods = methods
        self._connections = connections
        self._addresses = addresses
        self._last_call_at = last_call_at
        self._clients = clients
        self._context = context
        self._builtin: set[Service] = set()
        self._health = ServerHealth(
            lambda: [type(service).service_name for service in self.announced()]
        )

    def add(self, plugin: BuiltinService, shown: Inspection | None = None) -> None:
        """
        Serve what describes a server.

        Args:
            shown: that server, if it is not this one.
        """
        for service in plugin.services(shown or self):
            self._methods.add(service)
            self._builtin.add(service)

    def announced(self) -> tuple[Service, ...]:
        """
        Return the services to be announced: all but builtin ones.
        """
        return tuple(service for service in self._methods if service not in self._builtin)

    @property
    def health(self) -> ServerHealth:
        return self._health

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self._addresses()

    @property
    def calls(self) -> Calls:
        return self._connections.calls

    @property
    def last_call_at(self) -> float | None:
        return self._last_call_at()

    @property
    def clients(self) -> Clients:
        return self._clients

    def services(self) -> tuple[ServedService, ...]:
        found = [_served(each, each in self._builtin) for each in self._methods]
        return tuple(sorted(found, key=lambda served: served.name))

    def connections(self) -> tuple[Connection, ...]:
        return self._connections.connections()

    def last_minute(self) -> tuple[MethodRates, ...]:
        return self._context.last_minute.methods()

    def recent_calls(self) -> tuple[RecentCall, ...]:
        return self._context.recent_calls.all()


class OtherServer(Inspection):
    """
    A server, as the builtin services at the port of another one see it.

    Args:
        server: the one that they describe.
        port: the one that they are served by; reflection shows them too.
    """

    def __init__(self, server: Inspection, port: Inspection) -> None:
        self._server = server
        self._port = port

    @property
    def health(self) -> HealthBoard:
        return self._server.health

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self._server.addresses

    @property
    def calls(self) -> Calls:
        return self._server.calls

    @property
    def last_call_at(self) -> float | None:
        return self._server.last_call_at

    @property
    def clients(self) -> Clients:
        return self._server.clients

    def services(self) -> tuple[ServedService, ...]:
        found = {each.name: each for each in (*self._port.services(), *self._server.services())}
        return tuple(found[name] for name in sorted(found))

    def connections(self) -> tuple[Connection, ...]:
        return self._server.connections()

    def last_minute(self) -> tuple[MethodRates, ...]:
        return self._server.last_minute()

    def recent_calls(self) -> tuple[RecentCall, ...]:
        return self._server.recent_calls()


def _served(service: Service, builtin: bool) -> ServedService:
    methods = tuple(one.method for one in offered(type(service)))
    return ServedService(type(service).service_name, methods, builtin)
