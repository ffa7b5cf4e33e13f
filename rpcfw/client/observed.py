"""
Metrics of clients that are looked up when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rpcfw.client.assembly import Client
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.metrics import Meter

__all__ = ["observe_breakers", "observe_clients", "observe_registry"]


def observe_clients(meter: Meter, clients: Callable[[], Iterable[Client]]) -> None:
    """
    Declare what is seen of the clients of a process.
    """

    def nodes() -> Iterator[tuple[tuple[str, ...], float]]:
        for client in clients():
            yield (client.service,), len(client.nodes)

    def connections() -> Iterator[tuple[tuple[str, ...], float]]:
        for client in clients():
            yield (client.service,), sum(len(node.links.connections) for node in client.nodes)

    def attempts() -> Iterator[tuple[tuple[str, ...], float]]:
        for client in clients():
            yield (client.service,), sum(node.in_flight for node in client.nodes)

    meter.observed_gauge("rpcfw_client_instances", "instances that are known", "service").add(nodes)
    meter.observed_gauge("rpcfw_client_connections", "open connections to nodes", "service").add(
        connections
    )
    meter.observed_gauge(
        "rpcfw_client_attempts_in_flight", "attempts open now at nodes that are known", "service"
    ).add(attempts)


def observe_breakers(meter: Meter, clients: Callable[[], Iterable[Client]]) -> None:
    """
    Declare what is seen of the breakers of a process.
    """
    meter.observed_gauge(
        "rpcfw_client_breakers_open",
        "methods at a node whose breaker is not closed; nothing where there are none",
        "service",
        "node",
    ).add(lambda: _open_breakers(clients()))


def _open_breakers(clients: Iterable[Client]) -> Iterator[tuple[tuple[str, ...], float]]:
    """
    Yield how many methods are affected, of each node that has any.
    """
    for client in clients:
        for node in client.nodes:
            count = sum(each.open_circuits for each in client.attempt_stacks.breakers(node))
            if count:
                yield (client.service, str(node.instance.address)), count


def observe_registry(meter: Meter, registry: Registry | None) -> None:
    """
    Declare what is seen of the registry of a process, if it has one.
    """
    if registry is None:
        return
    meter.observed_gauge(
        "rpcfw_registry_trouble",
        "1 while the registry cannot be relied on, as while it is unreachable",
    ).add(lambda: [((), 1 if registry.trouble else 0)])
