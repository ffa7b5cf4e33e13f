"""
Rules on a ZooKeeper in memory.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.rules import BOB, SHOP, RulesContract
from rpcfw_registries.rules.store import record_path
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from rpcfw_registries.zookeeper.rules import ZooKeeperRules
from rpcfw_registries.zookeeper.session import Refused, Unreachable
from tests.plugins.registries.still import StillTime
from tests.plugins.registries.zookeeper.zookeeper_world import FakeSession, World

PATH = record_path("/rpcfw", SHOP)


class TestZooKeeperRules(StillTime, RulesContract, TestCase):
    limit_s = 70.0

    def prepare(self):
        self.world = World()
        self.sessions = {}

    async def started_rules(self):
        session = FakeSession(self.world)
        registry = ZooKeeperRegistry(options_of(ZooKeeperOptions), self.plugin_context, session)
        await registry.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(registry.stop()))
        self.sessions[registry.rules()] = session
        self.registry = registry
        return registry.rules()

    async def leave(self):
        self.world.away = True
        for session in self.world.keepers:
            session.suspend()

    async def come_back(self):
        self.world.away = False
        for session in self.world.keepers:
            session.connect()

    async def lose_session(self, rules):
        self.sessions[rules].lose()

    async def lose_everything(self):
        self.world.delete(f"{PATH}/history")
        self.world.delete(PATH)

    async def store_unreadable(self, scope):
        self.world.change(record_path("/rpcfw", scope), b"{")

    async def back_up(self):
        return self.world.nodes[PATH].data

    async def restore(self, data):
        self.world.change(PATH, data)

    async def test_says_that_a_change_without_an_answer_may_be_stored(self):
        """
        Nobody knows what became of a request when its connection was lost.
        """

        async def lost(writes):
            raise Unreachable("the connection was lost")

        self.sessions[self.writer].write = lost
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(SHOP, "policies", "one", 0, BOB))
        )
        assert "the connection was lost; the change may have been stored all the same" == str(error)

    async def test_asks_little_while_nothing_changes(self):
        """
        A process has one watch for a scope. Now and then it checks that, and reads nothing.
        """
        received, _ = self.watched()
        await self.put("one")
        await self.put("two", "instances")
        await self.sees(received, policies="one", instances="two")
        before = self.world.asked.copy()
        self.advance(300)
        asked = self.world.asked - before
        assert 10 <= asked["exists"] <= 12
        assert 0 == asked["read"]

    async def test_spreads_the_reads_of_a_fleet(self):
        """
        A change is read by different processes at different moments, within 300 ms.
        """
        received, _ = self.watched()
        await self.sees(received)
        await self.put("one")
        await self.sees(received, policies="one")
        waits = []
        for number in range(5):
            await self.put(f"{number}")
            at = self.clock.seconds()
            await self.until(lambda: received.last == {"policies": f"{number}"}, "it is seen")  # noqa: B023
            waits.append(self.clock.seconds() - at)
        assert len(set(waits)) > 1
        assert max(waits) <= 0.35

    async def test_tries_again_what_was_not_answered(self):
        """
        A read that fails is made again a second later.
        """
        await self.put("one")
        session = self.sessions[self.reader]
        session.failures = [Unreachable("busy"), Unreachable("busy")]
        received, _ = self.watched()
        self.advance(0.5)
        assert received.last is None
        await self.sees(received, policies="one")

    async def test_says_why_it_may_not_watch(self):
        """
        A refusal is reported once, and tried again.
        """
        await self.put("one")
        self.sessions[self.reader].failures = [Refused("no permission")] * 2
        received, _ = self.watched()
        self.advance(6)
        assert [f"{PATH} cannot be read: no permission"] == received.refusals
        await self.sees(received, policies="one")

    async def test_puts_a_history_back_that_was_deleted(self):
        """
        Somebody who deletes the history stops no change.
        """
        await self.put("one")
        self.world.delete(f"{PATH}/history")
        await self.put("two")
        (change,) = await self.reader.history(SHOP)
        assert ("one", "two") == (change.before, change.after)

    async def test_is_no_service(self):
        """
        The folder of rules is not listed among the services.
        """
        await self.put("one")
        assert () == await self.registry.services()

    async def test_an_ambiguous_answer_is_an_error(self):
        """
        If nobody knows whether a change was stored, it is not made again.
        """
        self.sessions[self.writer].failures = []
        session = self.sessions[self.writer]
        plain, written = session.write, []

        def write(writes):
            written.append(writes)
            waiter = plain(writes)
            waiter.addCallback(lambda _: (_ for _ in ()).throw(Unreachable("no answer")))
            return waiter

        session.write = write
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(SHOP, "policies", "one", 0, BOB))
        )
        assert "no answer" in str(error)
        assert 1 == len(written)


class TestAlone(StillTime, RulesContract, TestCase):
    """
    The plugin of its own, with a session of its own.
    """

    limit_s = 70.0

    def prepare(self):
        self.world = World()

    async def started_rules(self):
        session = FakeSession(self.world)
        rules = ZooKeeperRules(options_of(ZooKeeperOptions), self.plugin_context, session)
        await rules.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(rules.stop()))
        return rules
