"""
The service that explains calls of a running process.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw.errors import ApplicationError
from rpcfw.spi.inspection import Clients
from rpcfw.spi.plugin import NoOptions
from rpcfw.status import Status
from rpcfw.testing.contracts.builtin import BuiltinServiceContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.explanation import ExplainedInstance, ExplainedPolicy, Explanation
from rpcfw_inspection.explain import Explain, ExplainService


class TestExplainContract(BuiltinServiceContract):
    def make(self):
        return Explain(NoOptions(), plugin_context())


class Asked(Clients):
    """
    Clients that know as many instances as a test says, and keep what they were asked.
    """

    def __init__(self, instances: int) -> None:
        self.instances = instances
        self.asked: list[Any] = []

    def explain(self, method, request, metadata=None):
        self.asked.append((method.path, method.idempotent, request, metadata.pairs))
        known = tuple(ExplainedInstance(str(n), f"memory:{n}") for n in range(self.instances))
        balancer = ExplainedPolicy("balancer", "p2c", "balancer")
        return Explanation(
            method.service, method.name, "web", 3.0, "", known, (), balancer, True, "", ()
        )


def explain(clients, pairs=()):
    """
    Ask for demo.Shop/get, and return the answer.
    """
    asking = ExplainService(clients).explain("demo.Shop", "get", {"id": 7}, list(pairs), True)
    with pytest.raises(StopIteration) as stop:
        asking.send(None)
    return stop.value.value


def test_what_is_asked():
    """
    The client is asked for the very call, with bytes where a name ends in -bin.
    """
    clients = Asked(2)
    found = explain(clients, [("tag", "gray"), ("x-bin", "AAE=")])

    assert [("demo.Shop/get", True, {"id": 7}, (("tag", "gray"), ("x-bin", b"\x00\x01")))] == (
        clients.asked
    )
    assert (2, 0) == (len(found.instances), found.instances_omitted)


def test_a_large_set():
    """
    Of a set that is too large for a message, the first instances come, and how many more.
    """
    found = explain(Asked(2500))

    assert (1000, 1500) == (len(found.instances), found.instances_omitted)
    assert "memory:0" == found.instances[0].address


def test_a_service_that_is_not_called():
    """
    It is refused as not found; without any client, too.
    """
    with pytest.raises(ApplicationError, match="it calls: none") as failed:
        explain(Clients())

    assert Status.NOT_FOUND is failed.value.status
