"""
A bus and a small broker of the test's own, on a network in memory, for the contract.
"""

from __future__ import annotations

from random import Random

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork

__all__ = ["MemoryCase", "SmallBroker"]


class SmallBroker(Factory):
    """
    Knows who subscribes to what. Its protocol is a test's.
    """

    def __init__(self, protocol):
        self.protocol = protocol
        self.subscribers = {}

    def publish(self, subject, message):
        for subscriber in tuple(self.subscribers.get(subject, ())):
            subscriber.deliver(subject, message)

    def subscribe(self, subject, subscriber):
        self.subscribers.setdefault(subject, []).append(subscriber)

    def forget(self, subscriber, subject=None):
        for name, subscribers in self.subscribers.items():
            if subscriber in subscribers and subject in (None, name):
                subscribers.remove(subscriber)


class MemoryCase:
    """
    For a `BusContract`; a subclass says which bus, and what its broker speaks.
    """

    bus_class = None
    protocol = None

    def setUp(self):
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)
        self.memory.listen("broker", SmallBroker(self.protocol))

    def bus(self):
        context = plugin_context(self.clock, Random(1), network=Network(self.clock, self.memory))
        return self.bus_class(options_of(self.bus_class.Options, address="memory:broker"), context)

    async def leave(self):
        self.memory.stop_listening("broker")
        for connection in self.memory.connections:
            connection.cut()

    async def come_back(self):
        self.memory.listen("broker", SmallBroker(self.protocol))

    async def pass_time(self, seconds):
        for _ in range(10):
            self.clock.advance(seconds / 10)

    def as_deferred(self, coroutine):
        stopping = spawn(coroutine)
        for _ in range(20):
            self.clock.advance(0.1)
        assert stopping.called
        return stopping
