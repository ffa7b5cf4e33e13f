"""
The memory bus against the contract.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.bus import BusContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_buses.memory import MemoryBus, MemoryBusOptions


class TestMemoryBus(BusContract, TestCase):
    def setUp(self):
        self.clock = Clock()
        # A bus of its own keeps the hub, which the contract takes away before there is another.
        self.hub = self.bus().hub

    def bus(self):
        options = options_of(MemoryBusOptions, name=self.id())
        return MemoryBus(options, plugin_context(self.clock))

    async def leave(self):
        self.hub.set_reachable(False)

    async def come_back(self):
        self.hub.set_reachable(True)

    async def pass_time(self, seconds):
        self.clock.advance(seconds)

    def as_deferred(self, coroutine):
        return Deferred.fromCoroutine(coroutine)
