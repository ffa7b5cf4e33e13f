"""
The ZooKeeper registry on a ZooKeeper in memory.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.registry import RegistryContract, an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.remote.paths import znode_name
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from rpcfw_registries.zookeeper.session import Refused, Unreachable
from tests.plugins.registries.still import StillTime
from tests.plugins.registries.zookeeper.zookeeper_world import FakeSession, World


def node_of(instance):
    name = znode_name(instance.id, instance_to_json(instance))
    return f"/rpcfw/{instance.service}/{name}"


class TestZooKeeper(StillTime, RegistryContract, TestCase):
    limit_s = 70.0

    def prepare(self):
        self.world = World()
        self.keepers = {}

    def registry(self, **texts):
        session = FakeSession(self.world)
        registry = ZooKeeperRegistry(
            options_of(ZooKeeperOptions, **texts), self.plugin_context, session
        )
        self.keepers[registry] = session
        return registry

    async def store_unreadable(self, service):
        self.world.create(f"/rpcfw/{service}/broken", b"{", 0)

    async def leave(self):
        self.world.away = True
        for session in self.world.keepers:
            session.suspend()

    async def come_back(self):
        self.world.away = False
        for session in self.world.keepers:
            session.connect()

    async def refuse(self):
        self.world.unreadable = True

    async def permit(self):
        self.world.unreadable = False

    async def remove_behind(self, instance):
        self.world.delete(node_of(instance))

    async def die(self, registry):
        session = self.keepers[registry]
        session.session_id = 0
        self.world.expire(session.last)

    async def test_announces_again_after_the_session_expired(self):
        """
        A lost session takes the instances along; the new one has them at once.
        """
        told, _ = self.watched()
        await self.put(an_instance(id="a"))
        await self.put(an_instance(id="b"))
        self.keepers[self.announcer].lose()
        self.advance(1)
        await self.sees(told, an_instance(id="a"), an_instance(id="b"))
        owners = {kept.owner for kept in self.world.nodes.values() if kept.owner}
        assert {self.keepers[self.announcer].session_id} == owners

    async def test_follows_on_after_its_session_expired(self):
        """
        A watch of an expired session tells of what came after it.
        """
        told, _ = self.watched()
        self.keepers[self.watcher].lose()
        await self.put(an_instance())
        await self.sees(told, an_instance())

    async def test_takes_over_a_node_of_a_former_session(self):
        """
        A node that is there already would end with the session that made it.
        """
        self.world.create(node_of(an_instance()), instance_to_json(an_instance()), 7)
        await self.put(an_instance())
        owner = self.world.nodes[node_of(an_instance())].owner
        assert self.keepers[self.announcer].session_id == owner

    async def test_puts_back_what_somebody_changed(self):
        """
        A node whose record somebody else changed is made anew by the self-check.
        """
        told, _ = self.watched()
        await self.put(an_instance())
        self.world.change(node_of(an_instance()), b"{}")
        self.advance(40)
        assert instance_to_json(an_instance()) == self.world.nodes[node_of(an_instance())].data
        await self.sees(told, an_instance())

    async def test_reads_a_changed_record_again(self):
        """
        A record that does not fit its name is read again with the next change.
        """
        await self.put(an_instance())
        changed = evolve(an_instance(), weight=1)
        self.world.change(node_of(an_instance()), instance_to_json(changed))
        told, _ = self.watched()
        await self.sees(told, changed)
        self.advance(40)
        await self.sees(told, an_instance())

    async def test_reads_once_a_change(self):
        """
        One more among a thousand costs one list and one node.
        """
        for number in range(1000):
            await self.put(an_instance(id=f"i{number}"))
        told, _ = self.watched()
        await self.until(lambda: told.last, "the list is there")
        self.advance(1)
        self.world.asked.clear()
        await self.put(an_instance(id="one more"))
        await self.until(lambda: len(told.last) == 1001, "it is told")
        assert 1 == self.world.asked["children"]
        assert 1 == self.world.asked["nodes"]

    async def test_merges_a_burst(self):
        """
        The first of many changes is told at once, the others together.
        """
        told, _ = self.watched()
        await self.put(an_instance())
        self.advance(1)
        before = len(told.snapshots)
        for number in range(100):
            await self.put(an_instance(id=f"i{number}"))
        assert [2] == [len(each.instances) for each in told.snapshots[before:]]
        self.advance(1)
        assert [2, 101] == [len(each.instances) for each in told.snapshots[before:]]

    async def test_replaces_in_one_step(self):
        """
        A changed instance is never missing from the list, nor in it twice.
        """
        told, _ = self.watched()
        await self.put(an_instance(weight=1))
        self.advance(1)
        await self.put(an_instance(weight=2))
        await self.sees(told, an_instance(weight=2))
        assert [0, 1, 1] == [len(each.instances) for each in told.snapshots]
        assert 1 == self.world.asked["swap"]

    async def test_takes_the_newer_of_two(self):
        """
        Of two nodes of one id, a restarted process's say, the newer counts.
        """
        for weight, owner in ((5, 70), (6, 71)):
            instance = an_instance(weight=weight)
            self.world.create(node_of(instance), instance_to_json(instance), owner)
        told, _ = self.watched()
        await self.sees(told, an_instance(weight=6))
        self.world.expire(71)
        await self.sees(told, an_instance(weight=5))

    async def test_finds_a_change_that_no_watch_told(self):
        """
        The self-check notices what a lost watch did not tell.
        """
        told, _ = self.watched()
        self.advance(1)
        self.world.lose_watches()
        await self.put(an_instance())
        self.advance(1)
        assert [] == told.last
        self.advance(40)
        await self.sees(told, an_instance())

    async def test_needs_no_permission_to_watch(self):
        """
        Watching a service that nobody has announced writes nothing.
        """
        told, _ = self.watched("demo.Nobody")
        await self.sees(told)
        assert [""] == list(self.world.nodes)

    async def test_tells_nothing_after_a_reconnect_without_change(self):
        """
        A reconnect after which all is as before is no news.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        before = len(told.snapshots)
        await self.leave()
        await self.come_back()
        self.advance(1)
        assert before == len(told.snapshots)

    async def test_is_silent_when_the_lease_is_over(self):
        """
        However long no server is reached, the last good list stays.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        await self.leave()
        self.advance(3600)
        await self.sees(told, an_instance())

    async def test_tries_again_when_a_server_did_not_answer(self):
        """
        A request that got no answer is made again, without any reconnect.
        """
        self.keepers[self.announcer].failures += [Unreachable("lost"), Unreachable("lost")]
        self.keepers[self.watcher].failures.append(Unreachable("lost"))
        told, _ = self.watched()
        await self.put(an_instance())
        await self.sees(told, an_instance())

    async def test_says_what_is_refused(self):
        """
        An announcement that the server refuses fails at once, and is tried again.
        """
        self.keepers[self.announcer].failures.append(Refused("not permitted"))
        with pytest.raises(RegistryError, match="not permitted"):
            await self.announcer.announce(an_instance())
        told, _ = self.watched()
        await self.sees(told)
        self.advance(40)
        await self.sees(told, an_instance())

    async def test_says_why_a_watch_is_refused(self):
        """
        Without the right to read, the registry says so for as long as that lasts.
        """
        self.keepers[self.watcher].failures.append(Refused("not permitted to read"))
        told, watch = self.watched()
        await self.until(lambda: watch.trouble, "it says why")
        assert "demo.Greeter cannot be read: not permitted to read" in watch.trouble
        await self.sees(told)
        assert "" == watch.trouble

    async def test_asks_at_a_steady_pace_for_what_is_refused(self):
        """
        However often the connection was lost meanwhile, one try a second is made.
        """
        session = self.keepers[self.watcher]
        session.failures += [Refused("not permitted to read")] * 1000
        self.watched()
        for _ in range(20):
            self.advance(0.5)
            session.suspend()
            session.connect()
        before = self.world.asked["children"]
        for _ in range(100):
            self.advance(0.1)
        assert 5 <= self.world.asked["children"] - before <= 13

    async def test_asks_for_services_with_a_limit(self):
        """
        Asking a place that is away fails after the time that a request may take.
        """
        await self.leave()
        asking = Deferred.fromCoroutine(self.watcher.services())
        self.advance(4.5)
        assert not asking.called
        self.advance(1)
        with pytest.raises(RegistryError, match=r"127\.0\.0\.1:2181 was reached within 5s"):
            await asking

    async def test_asks_for_services_as_soon_as_it_can(self):
        """
        Asking just after the start waits for the connection.
        """
        await self.put(an_instance())
        await self.leave()
        asking = Deferred.fromCoroutine(self.watcher.services())
        await self.come_back()
        assert ("demo.Greeter",) == await asking

    async def test_refuses_a_record_that_no_server_takes(self):
        """
        A record of a MiB is refused with its size, and not sent.
        """
        huge = an_instance(tags={"notes": "x" * (1 << 20)})
        with pytest.raises(RegistryError, match=r"has 10487\d\d bytes"):
            await self.announcer.announce(huge)
        assert [""] == list(self.world.nodes)

    async def test_refuses_in_a_fork(self):
        """
        A forked child is told at once that the session is not its own.
        """
        self.keepers[self.announcer].forked = True
        for coroutine in (
            self.announcer.announce(an_instance()),
            self.announcer.withdraw(an_instance()),
            self.announcer.services(),
        ):
            with pytest.raises(RegistryError, match="fork"):
                await coroutine
        with pytest.raises(RegistryError, match="fork"):
            self.announcer.watch("demo.Greeter", print)


def test_says_every_mistake_in_its_options():
    """
    Options that do not go together are refused before anything starts, all in one go.
    """
    with pytest.raises(SettingsError) as refused:
        options_of(
            ZooKeeperOptions, address="unix:/zk", root="rpcfw", user="bob", tls_key="key.pem"
        )
    assert {"root", "address", "user", "tls_certificate"} == {
        mistake.split()[2].rstrip(":") for mistake in refused.value.mistakes
    }


def test_keeps_the_password_to_itself():
    """
    Nothing that may be logged shows the password.
    """
    options = options_of(ZooKeeperOptions, user="bob", password="xyzzy")
    assert "xyzzy" not in repr(options)
