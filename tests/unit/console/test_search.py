"""
The search for instances in a large fleet.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.console.fleet import FleetService
from rpcfw.console.search import found_instances
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance


class Slow(Clock):
    """
    A clock of a machine that takes a millisecond to look at one instance.
    """

    def seconds(self):
        self.rightNow += 0.001
        return super().seconds()

    turns = 0

    def callLater(self, *arguments, **named):  # noqa: N802 - Twisted's
        self.turns += 1
        return super().callLater(*arguments, **named)


class Fleet:
    """
    One large service.
    """

    def services(self):
        many = (Instance("demo.A", f"i{i}", Address("tcp", "h", 1 + i)) for i in range(1000))
        yield FleetService("demo.A", tuple(many))


def test_others_are_served_during_a_search():
    """
    A search of a second gives the reactor back each hundredth, and finds the same.
    """
    clock, found = Slow(), []
    spawn(found_instances(Fleet(), "I99", clock)).addCallback(found.extend)
    assert not found
    while clock.getDelayedCalls():
        clock.advance(0)
    assert 80 <= clock.turns <= 120
    assert ["i99", *(f"i{number}" for number in range(990, 1000))] == [one.id for one in found]
