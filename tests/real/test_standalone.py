"""
The standalone registry over real sockets and real time.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import RegistryContract, an_instance
from rpcfw.values.address import Address
from tests.lab.registry_world import World


def forget_timers():
    """
    Cancel what the timers of processes that have ended would still have done.

    They serve a process for as long as it lives; anything else left is a mistake.
    """
    for call in reactor.getDelayedCalls():
        if isinstance(getattr(call.func, "__self__", None), Timers):
            call.cancel()


class TestStandaloneOverTCP(RegistryContract, TestCase):
    limit_s = 30.0
    step_s = 0.02

    async def setUp(self):
        self.world = World(reactor)
        self.addCleanup(forget_timers)
        self.address = Address("tcp", "127.0.0.1", 0)
        await self.come_back()
        self.addCleanup(lambda: spawn(self.leave()))
        await super().setUp()

    def registry(self):
        return self.world.registry(self.address, lease="1500ms")

    async def pass_time(self, seconds):
        await deferLater(reactor, seconds)

    async def leave(self):
        if self.server is not None:
            server, self.server = self.server, None
            await server.stop()

    async def come_back(self):
        self.node, self.server = self.world.node(self.address)
        await self.server.start()
        (self.address,) = self.server.addresses

    async def die(self, registry):
        self.world.cut(registry)
        # A killed process is silent; this one has only lost its voice.
        self.addCleanup(lambda: spawn(registry.stop()))

    async def remove_behind(self, instance):
        assert self.node.replica.remove(instance.service, instance.id)

    async def store_unreadable(self, service):
        self.node.replica.put(service, "x", b'{"id": 5}', "somebody newer")

    async def test_loads_many(self):
        """
        Ten thousand instances arrive, and one change of them soon.
        """
        instances = [an_instance(id=f"i{number}") for number in range(10_000)]
        announced = [spawn(self.announcer.announce(instance)) for instance in instances]
        for one in announced:
            await one
        began_at = reactor.seconds()
        told, _ = self.watched()
        await self.until(lambda: told.snapshots, "the list is told")
        loaded_s = reactor.seconds() - began_at
        assert 10_000 == len(told.last)
        began_at = reactor.seconds()
        await self.announcer.announce(an_instance(id="i77", weight=1))
        await self.until(lambda: 2 == len(told.snapshots), "the change is told")
        changed_s = reactor.seconds() - began_at
        # What a user would notice; on a quiet machine it is 0.4 s and 30 ms.
        assert loaded_s < 3
        assert changed_s < 0.5
