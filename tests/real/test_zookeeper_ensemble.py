"""
The ZooKeeper registry on an ensemble of three that loses one or two of them.
"""

from __future__ import annotations

import pytest
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.testing.contracts.registry import an_instance
from tests.real.registry_case import STALL_S, OneServer, instances_in
from tests.real.zookeeper_case import ZooKeeperCase
from tests.real.zookeeper_server import ZooKeeperEnsemble

pytestmark = pytest.mark.zookeeper


class TestEnsemble(ZooKeeperCase, OneServer, TestCase):
    @classmethod
    def make_server(cls):
        return ZooKeeperEnsemble()

    async def test_survives_the_loss_of_each_server(self):
        """
        Kill the servers one after the other: nothing is lost, and what comes is told.
        """
        provider, _, told = await self.one_of_each(self.server.address)
        for number, server in enumerate(self.server.servers):
            server.kill()
            await provider.announce(an_instance(id="b", weight=number))
            await self.tells(told, "a", "b")
            await self.eventually(
                lambda number=number: told.last[1].weight == number, lambda: told.last
            )
            await deferToThread(self.server.serve, server)
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
        provider, _, told = await self.one_of_each(self.server.address)
        leader = await deferToThread(self.server.leader)
        leader.kill()
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")
        await deferToThread(self.server.serve, leader)
        await provider.withdraw(an_instance(id="a"))
        await self.tells(told, "b")
        assert self.longest_stall_s < STALL_S

    async def test_survives_the_loss_of_the_quorum(self):
        """
        Ten seconds without a quorum: the list stays, nothing waits without limit.
        """
        provider, consumer, told = await self.one_of_each(self.server.address)
        lost = self.server.servers[:2]
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
        await deferToThread(self.server.serve, *lost)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "b")
        assert self.longest_stall_s < STALL_S
