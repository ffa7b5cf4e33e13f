"""
The etcd registry on a cluster of three members, while they come and go.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import an_instance
from tests.real.etcd_case import EtcdCase
from tests.real.etcd_server import Cluster
from tests.real.registry_case import instances_in
from tests.requirements import require_etcd

pytestmark = pytest.mark.etcd


class Scene:
    """
    A cluster with a provider and a consumer.
    """

    def __init__(self, case):
        self.case = case
        self.cluster = Cluster()
        case.addCleanup(self.cluster.remove)

    async def begin(self):
        """
        Start all, and have the consumer see the provider.
        """
        case = self.case
        await deferToThread(self.cluster.serve)
        self.provider = await case.running(self.cluster.address)
        self.consumer = await case.running(self.cluster.address)
        self.told = case.watching(self.consumer)
        await self.provider.announce(an_instance(id="a", weight=0))
        await case.tells(self.told, "a")

    def used_by(self, registry):
        """
        Return the member that a registry talks to.
        """
        return self.cluster.at(self.case.port_in_use(registry))

    def weights(self):
        """
        Return every weight of instance a that was told.
        """
        found = [
            instance.weight
            for snapshot in self.told.snapshots
            for instance in snapshot.instances
            if instance.id == "a"
        ]
        gone = [snapshot for snapshot in self.told.snapshots if not snapshot.instances]
        # An empty list, if any, was told before the first announcement.
        assert len(gone) <= 1
        return found

    async def changes(self, *weights):
        """
        Announce new weights, each once the one before is there and was told.
        """
        for weight in weights:
            await self.provider.announce(an_instance(id="a", weight=weight))
            await self.told_of(weight)

    async def told_of(self, weight, limit_s=60.0):
        """
        Return once a weight was told.
        """
        await self.case.eventually(lambda: weight in self.weights(), self.weights, limit_s)


class TestEnsemble(EtcdCase, TestCase):
    timeout = 90
    without_quorum_s = 10
    without_anybody_s = 20

    def setUp(self):
        require_etcd()
        super().setUp()

    async def scene(self):
        """
        Return a scene that has begun.
        """
        scene = Scene(self)
        await scene.begin()
        return scene

    async def test_survives_the_kill_of_the_member_in_use(self):
        """
        Whoever's member is killed, every change is seen, in order and once.
        """
        scene = await self.scene()
        await scene.changes(1, 2)
        scene.used_by(scene.consumer).kill()
        await scene.changes(3, 4)
        scene.used_by(scene.provider).kill()
        for member in scene.cluster.servers:
            if not await deferToThread(member.is_ready):
                member.kill()
                member.start()
        await scene.changes(5, 6)
        assert list(range(7)) == scene.weights()

    async def test_leaves_a_frozen_member(self):
        """
        A member that hangs is left within the limits, and what it missed is told.
        """
        scene = await self.scene()
        await scene.changes(1)
        frozen = scene.used_by(scene.consumer)
        frozen.freeze()
        try:
            begun = self.clock.seconds()
            await scene.provider.announce(an_instance(id="a", weight=2))
            await scene.told_of(2, limit_s=4)
            assert self.clock.seconds() - begun < 4
            assert frozen is not scene.used_by(scene.consumer)
        finally:
            frozen.thaw()
        await scene.changes(3)
        assert [0, 1, 2, 3] == scene.weights()

    async def test_survives_outages(self):
        """
        Without a quorum, and without anybody for a while, nothing is told gone.
        """
        one, other = await self.scene(), await self.scene()
        await gatherResults(
            [spawn(self.without_a_quorum(one)), spawn(self.without_anybody(other))],
            consumeErrors=True,
        )

    async def without_a_quorum(self, scene):
        first, second, _ = scene.cluster.servers
        first.kill()
        second.kill()
        announcing = spawn(scene.provider.announce(an_instance(id="a", weight=1)))
        await self.pass_time(self.without_quorum_s)
        assert [0] == scene.weights()
        assert not announcing.called
        first.start()
        second.start()
        await announcing
        await scene.told_of(1)
        await self.pass_time(2.5)
        assert [0, 1] == scene.weights()

    async def without_anybody(self, scene):
        for member in scene.cluster.servers:
            member.kill()
        await self.pass_time(self.without_anybody_s)
        await deferToThread(scene.cluster.serve)
        await scene.provider.announce(an_instance(id="b"))
        await self.tells(scene.told, "a", "b")
        await self.pass_time(2.5)
        assert ["a", "b"] == instances_in(scene.told)
        assert {0} == set(scene.weights())

    async def test_reads_again_what_was_compacted(self):
        """
        A watch whose place in the history is gone has missed nothing all the same.
        """
        scene = await self.scene()
        other, lagging, _ = scene.cluster.servers
        alone = await self.running(lagging.address)
        told = self.watching(alone)
        await self.tells(told, "a")
        lagging.freeze()
        try:
            await scene.provider.announce(an_instance(id="b"))
            await scene.provider.withdraw(an_instance(id="a"))
            await scene.provider.announce(an_instance(id="c"))
            await self.tells(scene.told, "b", "c")
            # Until it has given the frozen member up, its watch would go on.
            await self.eventually(lambda: alone._session.away, lambda: "away")  # noqa: SLF001
            revision = scene.consumer._watchers["demo.Greeter"]._view.revision  # noqa: SLF001
            await self.ctl(other, "compact", str(revision))
        finally:
            lagging.thaw()
        await self.tells(told, "b", "c")
        await scene.provider.announce(an_instance(id="d"))
        await self.tells(told, "b", "c", "d")
