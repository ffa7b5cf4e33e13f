"""
What the tests of registries against real servers share: real time, and waiting.
"""

from __future__ import annotations

from random import Random

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.testing.plugin_context import plugin_context
from tests.real.passing_time import PassingTime, after

__all__ = ["STALL_S", "OneServer", "RegistryCase", "instances_in"]

#: On a busy machine a thread may have to wait this long for its turn.
STALL_S = 0.5


class ReactorThreads:
    """
    The reactor's own threads.
    """

    def call(self, function, *args):
        return deferToThread(function, *args)

    def post(self, function, *args):
        reactor.callFromThread(function, *args)


def instances_in(told):
    """
    Return the ids in the last list that was told, None before the first.
    """
    return None if told.last is None else [instance.id for instance in told.last]


class RegistryCase:
    """
    For a `twisted.trial.unittest.TestCase`; a subclass says which registry it is.
    """

    timeout = 60

    @staticmethod
    def need():
        """
        Skip or fail where the server is not installed.
        """
        raise NotImplementedError

    @classmethod
    def make_server(cls):
        """
        Return a server that is not started.
        """
        raise NotImplementedError

    def made(self, address, **texts):
        """
        Return a registry that is not started.
        """
        raise NotImplementedError

    def fall_silent(self, registry):
        """
        Have a registry do nothing more for what it has announced, as if killed.
        """
        raise NotImplementedError

    def setUp(self):
        self.clock = PassingTime()
        self.plugin_context = plugin_context(self.clock, Random(3), threads=ReactorThreads())
        self.addCleanup(self.clock.stop)
        self._watch_reactor()
        return super().setUp()

    def _watch_reactor(self):
        """
        Measure how long the reactor was ever kept from its work.
        """
        self.longest_stall_s = 0.0
        last = reactor.seconds()

        def beat():
            nonlocal last
            now = reactor.seconds()
            self.longest_stall_s = max(self.longest_stall_s, now - last - 0.01)
            last = now

        beats = LoopingCall(beat)
        beats.start(0.01)
        self.addCleanup(beats.stop)

    @property
    def root(self):
        """
        The place of this test alone.
        """
        return f"/{self._testMethodName}"

    async def running(self, address, **texts):
        """
        Return a registry that runs until the test is over.
        """
        registry = self.made(address, **texts)
        await registry.start()
        self.addCleanup(lambda: spawn(registry.stop()))
        return registry

    async def one_of_each(self, address, **texts):
        """
        Return a registry that announces, one that watches, and what it is told.
        """
        options = {"root": self.root, **texts}
        provider = await self.running(address, **options)
        consumer = await self.running(address, **options)
        told = self.watching(consumer)
        await provider.announce(an_instance(id="a"))
        await self.tells(told, "a")
        return provider, consumer, told

    def watching(self, registry, service="demo.Greeter"):
        """
        Watch and return what will be told.
        """
        told = ReceivedUpdates()
        told.watch = registry.watch(service, told, told.refusals.append)
        return told

    async def pass_time(self, seconds):
        """
        Let real time go by.
        """
        await after(seconds)

    async def eventually(self, seen, what, limit_s=60.0):
        """
        Return the seconds until ``seen()`` is true; fail if it never is.
        """
        begun = reactor.seconds()
        while not seen():
            if reactor.seconds() - begun > limit_s:
                self.fail(f"not within {limit_s:g}s: {what()}")
            await after(0.005)
        return reactor.seconds() - begun

    async def tells(self, told, *ids, limit_s=60.0):
        """
        Return the seconds until ``told`` was told exactly the instances ``ids`` last.
        """
        return await self.eventually(
            lambda: sorted(ids) == instances_in(told),
            lambda: f"{sorted(ids)}; told was {instances_in(told)}",
            limit_s,
        )


class OneServer:
    """
    One server, or ensemble, for all tests of a class that is a `RegistryCase` as well.
    """

    @classmethod
    def setUpClass(cls):
        cls.need()
        cls.server = cls.make_server()
        cls.server.serve()

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()
