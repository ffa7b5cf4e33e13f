"""
Several versions and groups of a service in one registry, called over the protocol dubbo.

A server of this protocol refuses calls for another version than its own. So a call that arrives
has the version of the instance that was chosen.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import CallError
from rpcfw.spi.service import Service, method
from tests.lab.test_dubbo import CLIENT as DUBBO
from tests.lab.test_dubbo import SERVER

CLIENT = (*DUBBO, "protocol dubbo.version=*", "protocol dubbo.group=*")


class Greeter(Service, name="demo.Versioned"):
    """
    Says which of several it is.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @method
    async def say(self) -> str:
        return self.name


@pytest.fixture
def versions(lab):
    """
    Two versions, one of them in a group.
    """
    lab.serve(Greeter("first"), sets=(*SERVER, "server.version=1.0.0"))
    lab.serve(Greeter("second"), sets=(*SERVER, "server.version=2.0.0", "server.group=blue"))


def answers(lab, *sets):
    """
    Return who answers ten calls.
    """
    client = lab.consumer(*CLIENT, *sets).application.client(Greeter)
    return {lab.run(client.say()) for _ in range(10)}


def test_calls_are_for_the_version_of_the_instance(lab, versions):
    """
    Whichever instance is chosen serves the call.
    """
    assert {"first", "second"} == answers(lab, "balancer.plugin=round_robin")


def test_a_router_chooses_the_version(lab, versions):
    """
    The router group chooses versions and groups, as a reference does in Java.
    """
    router = "client.routers=group"
    assert {"first"} == answers(lab, router, "router group.versions=1.*")
    assert {"second"} == answers(lab, router, "router group.groups=blue")


def test_metadata_of_a_call_comes_first(lab, versions):
    """
    A caller that names a version gets no other one.
    """
    client = lab.consumer(*CLIENT).application.client(Greeter)
    for _ in range(2):
        with pytest.raises(CallError, match=r"was called in version 3\.0\.0"):
            lab.run(client.say(metadata={"version": "3.0.0"}))


def test_instances_without_a_version(lab):
    """
    They are called without one.
    """
    lab.serve(Greeter("first"), sets=SERVER)
    assert {"first"} == answers(lab)
