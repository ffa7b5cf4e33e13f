"""
Metrics of a server that are looked up when somebody reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from rpcfw.server.calls.request_acceptor import RequestAcceptor
from rpcfw.server.connections.connections import ConnectionTable
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.transport.connection.byte_counts import server_bytes
from rpcfw.transport.network.capacity import Capacity

__all__ = ["observe_server"]


def observe_server(
    meter: Meter,
    connections: ConnectionTable,
    capacity: Capacity,
    acceptor: RequestAcceptor,
) -> None:
    """
    Declare what is seen of a server.
    """

    def refused() -> Iterator[tuple[tuple[str, ...], float]]:
        for reason, count in capacity.refused.items():
            yield (reason,), count

    def by_protocol() -> Iterator[tuple[tuple[str, ...], float]]:
        for protocol, count in Counter(connections.protocols()).items():
            yield (protocol,), count

    connections.bytes_of = partial(server_bytes, meter)
    meter.observed_gauge(
        "rpcfw_server_connections", "open connections, by wire protocol", "protocol"
    ).add(by_protocol)
    meter.observed_counter(
        "rpcfw_server_connections_accepted_total", "connections that were accepted"
    ).add(lambda: [((), connections.accepted)])
    meter.observed_counter(
        "rpcfw_server_connections_refused_total",
        "connections that were closed because too many were open",
        "limit",
    ).add(refused)
    meter.observed_counter(
        "rpcfw_server_requests_not_served_total",
        "requests for methods that are not served, or that came during a stop",
    ).add(lambda: [((), acceptor.not_served)])
