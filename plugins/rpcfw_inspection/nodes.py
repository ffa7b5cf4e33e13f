"""
The nodes that a running process calls, with their health, for ``rpcfw ls --health --of``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated

import msgspec
from attrs import frozen

from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import Clients, Inspection
from rpcfw.spi.service import Service, method

__all__ = ["Nodes", "NodesService", "SeenNode"]

#: So many nodes are in one answer.
_MAX_NODES = 1_000

Name = Annotated[str, msgspec.Meta(max_length=256)]


@frozen
class SeenNode:
    """
    One node, as the process sees it.

    Args:
        service: full name of the service.
        address: of the node.
        health: ``healthy``, ``sub-healthy`` or ``dead``.
        reason: what has led to that; empty if nothing ever happened.
        connection: state of the connections to it.
        probes: how many probers reach it, if they are asked; empty otherwise.
        version: of the service, as the instance announces it.
        calls: attempts that it has answered, or that have failed; those that are open are not
            counted.
        failed: how many of them have not succeeded, for whatever reason.
    """

    service: str
    address: str
    health: str
    reason: str
    connection: str
    probes: str = ""
    version: str = ""
    calls: int = 0
    failed: int = 0


class Nodes(BuiltinService):
    """
    Tells who may look at this process how healthy the nodes are that it calls.
    """

    def services(self, inspection: Inspection) -> Sequence[Service]:
        return [NodesService(inspection.clients)]


class NodesService(Service, name="rpcfw.inspection.v1.Nodes"):
    """
    Answers for the clients of one process.

    Args:
        clients: what it calls.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @method(idempotent=True)
    async def list(self, service: Name) -> list[SeenNode]:
        """
        Return the nodes of a service, or of all that the process calls; 1,000 at most.

        Args:
            service: full name of the service; empty for all.
        """
        return [*islice(self._seen(service), _MAX_NODES)]

    def _seen(self, name: str) -> Iterator[SeenNode]:
        for service in self._clients.services():
            if name not in ("", service.name):
                continue
            for id, _ in service.nodes:
                node = self._clients.node(id)
                if node is not None:
                    yield SeenNode(
                        service.name,
                        str(node.address),
                        str(node.health),
                        node.reason,
                        node.state.value,
                        node.probes,
                        node.version,
                        node.calls.succeeded + node.calls.failed,
                        node.calls.failed,
                    )
