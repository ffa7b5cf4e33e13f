"""
Three registry servers as processes, which a real broker joins.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, RegistryContract, an_instance
from rpcfw.testing.contracts.rules import BOB, ReceivedRules
from rpcfw.values.rule import service_scope
from tests.lab.registry_world import World
from tests.real.joined import JoinedServers, change_times, share_of
from tests.real.passing_time import after
from tests.real.test_standalone import forget_timers
from tests.requirements import require_nats, require_redis

#: How soon a change is at all servers on a busy machine; on a quiet one it is 0.06 s.
CHANGE_S = 2.0
LEASE = "1s"


class Joined:
    """
    A broker and three servers for all tests of a class.
    """

    timeout = 120
    limit_s = 20.0
    step_s = 0.01
    #: A lease is 1 s.
    lease_over_s = 1.5
    plugin = "nats"
    need = staticmethod(require_nats)

    @classmethod
    def setUpClass(cls):
        cls.need()
        folder = Path(mkdtemp(prefix="rpcfw-test-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.joined = JoinedServers(cls.plugin, folder)
        # Also if a server does not start.
        cls.addClassCleanup(cls.joined.remove)
        cls.joined.broker.serve()
        cls.joined.serve()

    def setUp(self):
        self.world = World(reactor)
        self.addCleanup(forget_timers)
        # Clean-ups run in reverse: this after all registries have stopped.
        self.addCleanup(lambda: spawn(self.nothing_left()))
        return super().setUp()

    async def nothing_left(self):
        """
        Return once no server has an instance of this test's.
        """
        for address in self.joined.addresses:
            asked = self.world.registry(address)
            await asked.start()
            for service in await asked.services():
                updates = ReceivedUpdates()
                asked.watch(service, updates)
                while updates.last != []:
                    await after(0.01)
            await asked.stop()

    async def pass_time(self, seconds):
        await after(seconds)


class Broker(Joined):
    async def registry_at(self, index):
        registry = self.world.registry(self.joined.addresses[index], lease=LEASE)
        await registry.start()
        self.addCleanup(lambda: spawn(registry.stop()))
        return registry

    async def watched_at_all(self):
        """
        Return what watches at each of the servers receive.
        """
        watched = []
        for index in range(3):
            watched.append(ReceivedUpdates())
            (await self.registry_at(index)).watch("demo.Greeter", watched[-1])
        return watched

    async def all_see(self, watched, *ids):
        def seen():
            return all(
                updates.last is not None and [each.id for each in updates.last] == list(ids)
                for updates in watched
            )

        began_at = reactor.seconds()
        while not seen():
            assert reactor.seconds() - began_at < self.limit_s, f"all see {ids}"
            await after(0.005)
        return reactor.seconds() - began_at

    async def test_every_change_is_everywhere(self):
        """
        What is announced, changed, withdrawn or expired at one server is so at all, soon.
        """
        provider, watched = await self.registry_at(0), await self.watched_at_all()
        times = await change_times(provider, watched, 15)
        assert share_of(times, 0.99) < CHANGE_S
        await (dying := await self.registry_at(1)).announce(an_instance(id="b"))
        assert await self.all_see(watched, "a", "b") < CHANGE_S
        await provider.withdraw(an_instance())
        assert await self.all_see(watched, "b") < CHANGE_S
        self.world.cut(dying)
        await self.all_see(watched)

    async def rules_at(self, index, scope):
        """
        Return the rules at a server, which takes none in its first second.
        """
        rules, began_at = (await self.registry_at(index)).rules(), reactor.seconds()
        while True:
            try:
                await rules.read(scope)
                return rules
            except RegistryError:
                assert reactor.seconds() - began_at < self.limit_s
                await after(0.05)

    async def test_a_rule_is_everywhere(self):
        """
        A rule that is put at one server is followed at all, soon; so is a change at another server.
        """
        scope = service_scope(f"demo.{self.id()}")
        users = [await self.rules_at(index, scope) for index in range(3)]
        received = [ReceivedRules() for _ in users]
        for user, listener in zip(users, received, strict=True):
            self.addCleanup(user.watch(scope, listener).close)
        for version, body in enumerate(("one", "two")):
            began_at = reactor.seconds()
            stored = await users[version].put(scope, "policies", body, version, BOB)
            assert version + 1 == stored.version
            while not all(listener.last == {"policies": body} for listener in received):
                assert reactor.seconds() - began_at < self.limit_s
                await after(0.005)
            assert reactor.seconds() - began_at < CHANGE_S
        histories = [await user.history(scope) for user in users]
        assert ["two", "one"] == [change.after for change in histories[0]]
        assert histories[0] == histories[1] == histories[2]

    async def test_a_broker_that_comes_back_empty(self):
        """
        Servers serve on without the broker, and have the same soon after it has come back.
        """
        watched = await self.watched_at_all()
        await (await self.registry_at(0)).announce(an_instance())
        await self.all_see(watched, "a")
        self.joined.broker.kill()
        await (await self.registry_at(2)).announce(an_instance(id="b"))
        await self.all_see(watched[2:], "a", "b")
        self.joined.broker.serve()
        await self.all_see(watched, "a", "b")


class Contract(Broker, RegistryContract):
    """
    The contract, and what only several servers can show.
    """

    many = 100

    #: The numbers of the servers that the client knows.
    numbers = (0, 1, 2)

    @property
    def used(self):
        return ", ".join(str(self.joined.addresses[number]) for number in self.numbers)

    async def leave(self):
        for number in self.numbers:
            self.joined.servers[number].kill()

    async def come_back(self):
        for number in self.numbers:
            self.joined.servers[number].start()
        while not all(server.is_ready() for server in self.joined.servers):
            await after(0.02)

    def registry(self):
        return self.world.registry(self.used, lease=LEASE)

    async def die(self, registry):
        self.world.cut(registry)
        self.addCleanup(lambda: spawn(registry.stop()))

    async def test_lists_services(self):
        """
        The same of servers that have just started: others remember services of former tests.
        """
        for server in self.joined.servers:
            server.kill()
        for server in self.joined.servers:
            server.start()
        while not all(server.is_ready() for server in self.joined.servers):
            await after(0.02)
        await super().test_lists_services()


class TestOnNATS(Contract, TestCase):
    """
    With a client that knows all servers.
    """


class TestOnRedis(Contract, TestCase):
    """
    With a client that knows one of them.
    """

    plugin = "redis"
    need = staticmethod(require_redis)
    numbers = (1,)
