"""
The ZooKeeper registry on an ensemble of three that loses one or two of them.
"""

from __future__ import annotations

import pytest
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.testing.contracts.registry import an_instance
from tests.real.zookeeper_case import ZooKeeperCase, instances_in
from tests.real.zookeeper_server import Ensemble
from tests.requirements import require_zookeeper

pytestmark = pytest.mark.zookeeper

STALL_S = 0.5


class TestEnsemble(ZooKeeperCase, TestCase):
    @classmethod
    def setUpClass(cls):
        require_zookeeper()
        cls.ensemble = Ensemble()
        cls.ensemble.start()

    @classmethod
    def tearDownClass(cls):
        cls.ensemble.remove()

    async def pair(self):
        """
        Return a registry that announces, one that watches, and what it is told.
        """
        root = f"/{self._testMethodName}"
        provider = await self.running(self.ensemble.address, root=root)
        consumer = await self.running(self.ensemble.address, root=root)
        told = self.watching(consumer)
        await provider.announce(an_instance(id="a"))
        await self.tells(told, "a")
        return provider, consumer, told

    async def whole_again(self, *servers):
        """
        Start servers that were killed.
        """
        for server in servers:
            server.start()
        for server in self.ensemble.servers:
            await deferToThread(server.wait_ready)

    async def test_survives_the_loss_of_each_server(self):
        """
        Kill the servers one after the other: nothing is lost, and what comes is told.
        """
        provider, _, told = await self.pair()
        for number, server in enumerate(self.ensemble.servers):
            server.kill()
            await provider.announce(an_instance(id="b", weight=number))
            await self.tells(told, "a", "b")
            await self.eventually(
                lambda number=number: told.last[1].weight == number, lambda: told.last
            )
            await self.whole_again(server)
        assert all(
            "a" in [instance.id for instance in snapshot.instances]
            for snapshot in told.snapshots
            if snapshot.instances
        )
        assert self.longest_stall_s < STALL_S

    async def test_survives_the_loss_of_the_leader(self):
        """
        Kill the leader: another is elected, and what comes then is told.
        """
        provider, _, told = await self.pair()
        leader = await deferToThread(self.ensemble.leader)
        leader.kill()
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")
        await self.whole_again(leader)
        await provider.withdraw(an_instance(id="a"))
        await self.tells(told, "b")
        assert self.longest_stall_s < STALL_S

    async def test_survives_the_loss_of_the_quorum(self):
        """
        Ten seconds without a quorum: the list stays, nothing waits without limit.
        """
        provider, consumer, told = await self.pair()
        lost = self.ensemble.servers[:2]
        for server in lost:
            server.kill()
        begun = self.clock.seconds()
        await self.pass_time(0.5)
        with pytest.raises(RegistryError):
            await consumer.services()
        await provider.withdraw(an_instance(id="a"))
        assert self.clock.seconds() - begun < 5
        await self.pass_time(10 - (self.clock.seconds() - begun))
        assert ["a"] == instances_in(told)
        await self.whole_again(*lost)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "b")
        assert self.longest_stall_s < STALL_S
