"""
``/connections``: who is connected to this process, and to whom it is connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rpcfw.spi.inspected_process import InspectedProcess
from rpcfw.spi.inspection import CalledNode, Clients, Connection
from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import Cell, PageContent, Table
from rpcfw_pages.rows import MAX_ROWS, table

__all__ = ["Connections", "connection_sections"]

_CONNECTION = ("peer", "protocol", "age_s", "started", "succeeded", "failed")
_NODE = (
    "service",
    "node",
    "address",
    "state",
    "health",
    "reason",
    "version",
    "connections",
    "started",
    "succeeded",
    "failed",
)


class Connections(Page):
    """
    Both sides, each bounded.
    """

    path: ClassVar[str] = "/connections"
    title: ClassVar[str] = "connections of callers, nodes and their health"

    def render(self, request: PageRequest) -> PageContent:
        now = self.plugin_context.clock.seconds()
        return PageContent(connection_sections(request.process, now))


def connection_sections(
    process: InspectedProcess, now: float, max_rows: int = MAX_ROWS
) -> list[Table]:
    """
    Return the connections of callers, the nodes that are called, and the connections to them.

    Args:
        now: of the clock of the process.
    """
    accepted = process.inspection.connections()
    clients = process.inspection.clients
    count = sum(len(each.nodes) for each in clients.services())
    nodes = [*_some(_nodes(clients), max_rows)]
    made = [(service, *_row(each, now)) for service, node in nodes for each in node.connections]
    return [
        table(
            "accepted_connections",
            _CONNECTION,
            (_row(each, now) for each in accepted),
            len(accepted),
            max_rows,
        ),
        table("nodes", _NODE, (_node_row(*each) for each in nodes), count, max_rows),
        table("made_connections", ("service", *_CONNECTION), made, len(made), max_rows),
    ]


def _nodes(clients: Clients) -> Iterator[tuple[str, CalledNode]]:
    for service in clients.services():
        for number, _ in service.nodes:
            node = clients.node(number)
            if node is not None:  # it may be gone meanwhile
                yield service.name, node


def _some(
    nodes: Iterator[tuple[str, CalledNode]], max_rows: int
) -> Iterator[tuple[str, CalledNode]]:
    for _, each in zip(range(max_rows), nodes, strict=False):
        yield each


def _row(connection: Connection, now: float) -> Sequence[Cell]:
    age_s = round(now - connection.created_at, 1)
    return (connection.peer, connection.protocol, age_s, *connection.calls)


def _node_row(service: str, node: CalledNode) -> Sequence[Cell]:
    return (
        service,
        node.id,
        str(node.address),
        node.state.value,
        str(node.health),
        node.reason,
        node.version,
        len(node.connections),
        *node.calls,
    )
