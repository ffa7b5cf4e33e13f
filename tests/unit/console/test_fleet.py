"""
The fleet as the registry lists it.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.console.fleet import Fleet
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, Snapshot


class Subscription:
    """
    One of a registry that has nothing more to say.
    """

    def close(self):
        pass


class Registry:
    """
    Has one instance of each service that is named.
    """

    def __init__(self):
        self.names = []

    async def services(self):
        return self.names

    def watch(self, name, listener, refused=None):
        if name in self.names:
            listener(Snapshot(name, (Instance(name, "a", Address("tcp", "h", 1)),)))
        return Subscription()


def test_services_that_have_ended_keep_no_new_one_out():
    """
    A service that has ended is shown without instances, but not if a new one needs its place.
    """
    registry, clock = Registry(), Clock()
    registry.names = ["demo.A", "demo.B"]
    fleet = Fleet(registry, 1.0, 2, clock, lambda: None)
    fleet.start()
    registry.names = ["demo.A"]
    clock.advance(1.0)
    assert [("demo.A", 1), ("demo.B", 0)] == [
        (each.name, len(each.instances)) for each in fleet.services()
    ]
    registry.names = ["demo.A", "demo.C", "demo.D"]
    clock.advance(1.0)
    assert ["demo.A", "demo.C"] == [*fleet.names]
    fleet.stop()
