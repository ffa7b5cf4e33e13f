"""
A server that stops in good order while it is called.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.kernel.settings import Sources
from rpcfw.spi.service import Service, method
from rpcfw.spi.waiting import spawn
from rpcfw.transport.endpoints import Network
from rpcfw.transport.memory import MemoryNetwork
from rpcfw.values.address import Address
from rpcfw.wire.frames import MAGIC

#: A turn of the reactor, in which what was written in the one before arrives.
TURN_S = 0.001
DRAIN_LIMIT_S = 2.0


class Counter(Service, name="demo.Counter"):
    """
    A write: it must not be repeated, so nothing may be lost.
    """

    def __init__(self) -> None:
        self.number = 0

    @method
    async def add(self) -> int:
        self.number += 1
        return self.number


class LeavingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.network = Network(self.clock, MemoryNetwork(self.clock))
        self.providers = [self.provider("a"), self.provider("b")]
        self.consumer = self.application(
            "registry.plugin=static",
            "registry.instances=demo.Counter = memory:a, memory:b",
            "balancer.plugin=round_robin",
        )
        self.counter = self.consumer.client(Counter)
        for each in (*self.providers, self.consumer):
            self.run_to_end(each.start())

    def tearDown(self) -> None:
        for each in (self.consumer, *self.providers):
            self.run_to_end(each.stop())

    def application(self, *sets: str, services: tuple[Service, ...] = ()) -> Application:
        plan = read_plan(Sources.load(sets=sets))
        return Application(plan, self.clock, Random(1), self.network, services)

    def provider(self, name: str) -> Application:
        return self.application(
            "registry.plugin=memory",
            f"server.listen=memory:{name}",
            f"server.drain_limit={DRAIN_LIMIT_S:g}s",
            services=(Counter(),),
        )

    def run_to_end(self, coroutine: Any) -> Any:
        return self.turn_until(spawn(coroutine))

    def turn_until(self, ended: Deferred[Any]) -> Any:
        for _ in range(20_000):
            if ended.called:
                break
            self.clock.advance(TURN_S)
        return self.successResultOf(ended)

    def test_loses_no_call_that_is_on_its_way(self) -> None:
        """
        A call sent before the server's goodbye has come is answered, or refused unbegun.
        """
        for _ in self.providers:
            self.run_to_end(self.counter.add())
        server = self.providers.pop().server
        assert server is not None
        stopped = spawn(server.stop())
        calls = [spawn(self.counter.add()) for _ in range(10)]
        self.turn_until(stopped)

        assert 10 == len([self.turn_until(each) for each in calls])

    def test_does_not_wait_for_ever(self) -> None:
        """
        A peer that does not go cannot keep a server from stopping.
        """
        endpoint = self.network.client(Address("memory", "a"), 1.0)
        peer = self.successResultOf(endpoint.connect(Factory.forProtocol(Protocol)))
        peer.transport.write(MAGIC.to_bytes(2, "big"))
        self.clock.advance(TURN_S)
        begun_at = self.clock.seconds()

        self.run_to_end(self.providers.pop(0).stop())

        assert DRAIN_LIMIT_S <= self.clock.seconds() - begun_at < DRAIN_LIMIT_S + 0.1
