"""
The service that shows the nodes of a running process.
"""

from __future__ import annotations

from rpcfw.spi.inspection import CalledNode, CalledService, Calls, Clients, Connectivity
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.builtin import BuiltinServiceContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw.values.node_health import NodeHealth
from rpcfw_inspection.nodes import Nodes, NodesService, SeenNode

ADDRESS = Address("memory", "a")


class TestNodesContract(BuiltinServiceContract):
    def make(self):
        return Nodes(NoOptions(), plugin_context())


class Calling(Clients):
    """
    Calls two services, with so many nodes each.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def services(self):
        nodes = tuple((number, ADDRESS) for number in range(self.count))
        ready = Connectivity.READY
        return tuple(
            CalledService(number, name, ready, Calls(), 0.0, None, nodes)
            for number, name in enumerate(("demo.Cart", "demo.Shop"))
        )

    def node(self, id):
        if id == 1:
            return None  # gone meanwhile
        ready = Connectivity.READY
        why = "it has not answered 3 heartbeats in a row"
        calls = Calls(started=9, succeeded=5, failed=2)
        return CalledNode(
            id, ADDRESS, ready, calls, 0.0, (), NodeHealth.SUB_HEALTHY, why, "", "2.0"
        )


def listed(clients, service=""):
    asking = NodesService(clients).list(service)
    try:
        asking.send(None)
    except StopIteration as stop:
        return stop.value


def test_what_is_shown():
    """
    Each node comes with its health, version and calls; one that is gone is left out.
    """
    found = listed(Calling(2), "demo.Shop")

    reason = "it has not answered 3 heartbeats in a row"
    assert [
        SeenNode("demo.Shop", "memory:a", "sub-healthy", reason, "ready", "", "2.0", 7, 2)
    ] == found


def test_all_services():
    """
    Without a name the nodes of all services come; an unknown service has none.
    """
    assert ["demo.Cart", "demo.Shop"] == [each.service for each in listed(Calling(1))]
    assert [] == listed(Calling(1), "demo.Other")


def test_an_answer_is_bounded():
    """
    However many nodes there are, an answer has 1,000.
    """
    assert 1_000 == len(listed(Calling(2_000)))
