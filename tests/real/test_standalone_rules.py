"""
The contract of rules, at a registry server over real sockets and real time.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.rules import RulesContract
from rpcfw.values.address import Address
from tests.folders import temporary_folder
from tests.lab.registry_world import World
from tests.real.test_standalone import forget_timers


class TestRulesOverTCP(RulesContract, TestCase):
    limit_s = 30.0
    step_s = 0.02

    async def setUp(self):
        self.world = World(reactor)
        self.folder = temporary_folder(self)
        self.addCleanup(forget_timers)
        self.address = Address("tcp", "127.0.0.1", 0)
        await self.come_back()
        self.addCleanup(lambda: spawn(self.leave()))
        await super().setUp()

    async def started_rules(self):
        registry = self.world.registry(self.address)
        self.addCleanup(lambda: spawn(registry.stop()))
        return registry.rules()

    async def pass_time(self, seconds):
        await deferLater(reactor, seconds)

    async def leave(self):
        if self.server is not None:
            server, self.server = self.server, None
            await server.stop()

    async def come_back(self):
        _, self.server = self.world.services(self.address, rules_folder=str(self.folder))
        await self.server.start()
        (self.address,) = self.server.addresses
