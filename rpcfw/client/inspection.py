"""
A process's clients as its own services see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from rpcfw.client.assembly import Client
from rpcfw.cluster.health.switched import SwitchedHealth
from rpcfw.cluster.node import Node
from rpcfw.spi.inspection import (
    CalledNode,
    CalledService,
    Clients,
    Connection,
    Connectivity,
    total,
)
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.inspection import connection_of
from rpcfw.transport.pool.link import LinkState
from rpcfw.values.call_options import CallOptions
from rpcfw.values.explanation import Explanation
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.method import Method

__all__ = ["ClientInspection"]

T = TypeVar("T")

Explain = Callable[[Client, Method, Any, CallOptions], Explanation]

_STATES = {
    LinkState.IDLE: Connectivity.IDLE,
    LinkState.CONNECTING: Connectivity.CONNECTING,
    LinkState.READY: Connectivity.READY,
    LinkState.WAITING: Connectivity.TRANSIENT_FAILURE,
    LinkState.CLOSED: Connectivity.SHUTDOWN,
}
#: One node in the first of these states puts its service into it.
_BEST_FIRST = (
    Connectivity.READY,
    Connectivity.CONNECTING,
    Connectivity.IDLE,
    Connectivity.TRANSIENT_FAILURE,
)


class _Numbers(Generic[T]):
    """
    Ids for things, given when they are first shown, so that the others cost nothing.

    They are forgotten together with their things.
    """

    def __init__(self) -> None:
        self._ids = count(1)
        self._of: WeakKeyDictionary[T, int] = WeakKeyDictionary()

    def of(self, thing: T) -> int:
        number = self._of.get(thing)
        if number is None:
            number = self._of[thing] = next(self._ids)
        return number


class ClientInspection(Clients):
    """
    Reads what the parts of clients keep.

    Args:
        clients: gives those of the process, oldest first.
        explain: explains a call of one of them.
    """

    def __init__(self, clients: Callable[[], Iterable[Client]], explain: Explain) -> None:
        self._clients = clients
        self._explain = explain
        self._client_ids: _Numbers[Client] = _Numbers()
        self._node_ids: _Numbers[Node] = _Numbers()
        self._connection_ids: _Numbers[Driver] = _Numbers()

    def services(self) -> tuple[CalledService, ...]:
        return tuple(self._service(client) for client in self._clients())

    def service(self, id: int) -> CalledService | None:
        for client in self._clients():
            if self._client_ids.of(client) == id:
                return self._service(client)
        return None

    def node(self, id: int) -> CalledNode | None:
        for client in self._clients():
            for node in client.nodes:
                if self._node_ids.of(node) == id:
                    return self._node(id, node, client.health)
        return None

    def connection(self, id: int) -> Connection | None:
        for node in self._nodes():
            for driver, since in node.links.connections:
                if self._connection_ids.of(driver) == id:
                    return connection_of(driver, id, since, node.links.protocol)
        return None

    def explain(
        self, method: Method, request: Any, metadata: MetadataLike | None = None
    ) -> Explanation | None:
        options = CallOptions(None, metadata)
        for client in self._clients():
            if client.service == method.service:
                return self._explain(client, method, request, options)
        return None

    def _nodes(self) -> Iterator[Node]:
        return (node for client in self._clients() for node in client.nodes)

    def _service(self, client: Client) -> CalledService:
        metrics = client.metrics
        return CalledService(
            self._client_ids.of(client),
            client.service,
            _state(client),
            metrics.calls,
            client.created_at,
            metrics.last_call_at,
            tuple((self._node_ids.of(node), node.links.address) for node in client.nodes),
        )

    def _node(self, id: int, node: Node, health: SwitchedHealth) -> CalledNode:
        links = node.links
        connections = tuple(
            connection_of(driver, self._connection_ids.of(driver), since, links.protocol)
            for driver, since in links.connections
        )
        calls = total((links.past, *(each.calls for each in connections)))
        state = _STATES[links.state]
        return CalledNode(
            id,
            links.address,
            state,
            calls,
            links.created_at,
            connections,
            node.health,
            health.reason(node),
            health.probers_say(node),
            node.instance.version,
        )


def _state(client: Client) -> Connectivity:
    if client.stopped:
        return Connectivity.SHUTDOWN
    states = {_STATES[node.links.state] for node in client.nodes}
    for state in _BEST_FIRST:
        if state in states:
            return state
    # Without nodes calls fail if that is known, else they wait for the registry.
    return Connectivity.TRANSIENT_FAILURE if client.has_list else Connectivity.CONNECTING
