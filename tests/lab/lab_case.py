"""
Two providers and a consumer in memory, on one clock: what small tests of failover share.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.kernel.settings import Sources
from rpcfw.spi.service import Service
from rpcfw.spi.waiting import spawn
from rpcfw.transport.endpoints import Network
from rpcfw.transport.memory import MemoryNetwork

__all__ = ["TURN_S", "LabCase"]

#: A turn of the reactor, in which what was written in the one before arrives.
TURN_S = 0.001

_MOST_TURNS = 20_000


class LabCase(SynchronousTestCase):
    """
    The providers listen at ``memory:a`` and ``memory:b`` and take turns.
    """

    #: Settings of the providers, and of the consumer.
    provider_sets: tuple[str, ...] = ()
    consumer_sets: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = Network(self.clock, MemoryNetwork(self.clock))
        self.services = {name: self.service(name) for name in "ab"}
        self.providers = [self.provider(name) for name in "ab"]
        served = type(self.services["a"]).service_name
        self.consumer = self.application(
            "registry.plugin=static",
            f"registry.instances={served} = memory:a, memory:b",
            "balancer.plugin=round_robin",
            *self.consumer_sets,
        )
        self.client = self.consumer.client(type(self.services["a"]))
        for each in (*self.providers, self.consumer):
            self.run_to_end(each.start())

    def tearDown(self) -> None:
        for each in (self.consumer, *self.providers):
            self.run_to_end(each.stop())

    def service(self, name: str) -> Service:
        """
        Return what the provider of this name serves.
        """
        raise NotImplementedError

    def application(self, *sets: str, services: tuple[Service, ...] = ()) -> Application:
        plan = read_plan(Sources.load(sets=sets))
        return Application(plan, self.clock, Random(1), self.network, services)

    def provider(self, name: str) -> Application:
        sets = ("registry.plugin=memory", f"server.listen=memory:{name}", *self.provider_sets)
        return self.application(*sets, services=(self.services[name],))

    def run_to_end(self, coroutine: Any) -> Any:
        """
        Return the result of a coroutine, letting as much time pass as it needs.
        """
        return self.turn_until(spawn(coroutine))

    def turn_until(self, ended: Deferred[Any]) -> Any:
        """
        Likewise, of a Deferred.
        """
        for _ in range(_MOST_TURNS):
            if ended.called:
                break
            self.clock.advance(TURN_S)
        return self.successResultOf(ended)
