"""
What the tests against real ZooKeeper servers share: the reactor, with an eye on it.
"""

from __future__ import annotations

from random import Random

from kazoo.client import KazooClient
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread

from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.registry import Told
from rpcfw.testing.surroundings import surroundings
from rpcfw_registries.zookeeper import ZooKeeperOptions, ZooKeeperRegistry

__all__ = ["FAST", "ZooKeeperCase", "expire", "instances_in"]

#: Options with which nothing takes long.
FAST = {
    "session_timeout": "2s",
    "operation_timeout": "3s",
    "connect_timeout": "1s",
    "reconnect_most": "500ms",
    "self_check": "1s",
}


class ReactorThreads:
    """
    The reactor's own threads.
    """

    def call(self, function, *args):
        return deferToThread(function, *args)

    def post(self, function, *args):
        reactor.callFromThread(function, *args)


class PassingTime:
    """
    The reactor as a clock that forgets what a test left to be called.
    """

    def __init__(self):
        self.seconds = reactor.seconds
        self._calls = []

    def callLater(self, delay, callable, *args, **kwargs):  # noqa: N802 - the reactor's name
        call = reactor.callLater(delay, callable, *args, **kwargs)
        self._calls = [each for each in self._calls if each.active()]
        self._calls.append(call)
        return call

    def stop(self):
        """
        Cancel what is left.
        """
        for call in self._calls:
            if call.active():
                call.cancel()


def instances_in(told):
    """
    Return the ids in the last list that was told, None before the first.
    """
    return None if told.last is None else [instance.id for instance in told.last]


async def expire(registry):
    """
    End a registry's session: whoever knows its password may close it.
    """
    client_id = registry._keeper._client.client_id  # noqa: SLF001 - as a wiretap would
    hosts = ",".join(str(each).removeprefix("tcp:") for each in registry.options.address)

    def close():
        intruder = KazooClient(hosts, client_id=client_id)
        intruder.start()
        intruder.stop()
        intruder.close()

    await deferToThread(close)


class ZooKeeperCase:
    """
    For a `twisted.trial.unittest.TestCase`.
    """

    timeout = 60

    def setUp(self):
        self.clock = PassingTime()
        self.surroundings = surroundings(self.clock, Random(3), threads=ReactorThreads())
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

    def made(self, address, **texts):
        """
        Return a registry that is not started.
        """
        options = options_of(ZooKeeperOptions, **{"address": address, **FAST, **texts})
        return ZooKeeperRegistry(options, self.surroundings)

    async def running(self, address, **texts):
        """
        Return a registry that runs until the test is over.
        """
        registry = self.made(address, **texts)
        await registry.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(registry.stop()))
        return registry

    async def pass_time(self, seconds):
        """
        Let real time go by.
        """
        await deferLater(reactor, seconds, lambda: None)

    async def eventually(self, seen, what, limit_s=15.0):
        """
        Return the seconds until ``seen()`` is true; fail if it never is.
        """
        begun = reactor.seconds()
        while not seen():
            if reactor.seconds() - begun > limit_s:
                self.fail(f"not within {limit_s:g}s: {what()}")
            await self.pass_time(0.005)
        return reactor.seconds() - begun

    async def tells(self, told, *ids, limit_s=15.0):
        """
        Return the seconds until ``told`` was told exactly the instances ``ids`` last.
        """
        return await self.eventually(
            lambda: sorted(ids) == instances_in(told),
            lambda: f"{sorted(ids)}; told was {instances_in(told)}",
            limit_s,
        )

    def watching(self, registry, service="demo.Greeter"):
        """
        Watch and return what will be told.
        """
        told = Told()
        registry.watch(service, told)
        return told
