"""
The ZooKeeper registry through everything that happens to one server.
"""

from __future__ import annotations

import os

import pytest
from kazoo.client import KazooClient
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.remote.paths import znode_name
from tests.real.registry_case import STALL_S, instances_in
from tests.real.registry_failures import RegistryFailures
from tests.real.zookeeper_case import ZooKeeperCase, expire

pytestmark = pytest.mark.zookeeper


class TestFailures(ZooKeeperCase, RegistryFailures, TestCase):
    limit_s = 4.0
    lease_option = "session_timeout"
    unreachable = "was reached within 500ms"

    async def test_recovers_from_an_expired_session_of_the_provider(self):
        """
        An expired session's instances are announced again at once, all of them.
        """
        provider, _, told = await self.one_of_each(self.server.address)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")
        await expire(provider)
        await self.tells(told, "a", "b", limit_s=5)
        assert ["a", "b"] == instances_in(told)
        assert self.longest_stall_s < STALL_S

    async def test_recovers_from_an_expired_session_of_the_consumer(self):
        """
        Watches of an expired session live on in the next, and missed nothing.
        """
        provider, consumer, told = await self.one_of_each(self.server.address)
        await expire(consumer)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b", limit_s=5)
        await provider.withdraw(an_instance(id="a"))
        await self.tells(told, "b", limit_s=5)

    async def test_puts_back_a_node_deleted_by_hand(self):
        """
        A node that somebody deletes is back after the self-check.
        """
        _, _, told = await self.one_of_each(self.server.address)
        name = znode_name("a", instance_to_json(an_instance(id="a")))

        def delete():
            client = KazooClient(self.server.address)
            client.start()
            client.delete(f"{self.root}/demo.Greeter/{name}")
            client.stop()
            client.close()

        await deferToThread(delete)
        await self.tells(told)
        await self.tells(told, "a", limit_s=3)

    async def test_keeps_strangers_out(self):
        """
        With a user, only that user may read and write what was announced.
        """
        owner = {"root": self.root, "user": "bob", "password": "xyzzy"}
        provider = await self.running(self.server.address, **owner)
        await provider.announce(an_instance())
        stranger = await self.running(self.server.address, root=self.root)
        with pytest.raises(RegistryError, match="user and password"):
            await stranger.announce(an_instance(id="b"))
        with pytest.raises(RegistryError, match="user and password"):
            await stranger.services()
        told = self.watching(stranger)
        for _ in range(300):
            if told.refusals:
                break
            await self.pass_time(0.1)
        assert "demo.Greeter cannot be read" in told.refusals[0]
        assert "user and password" in told.watch.trouble
        friend = await self.running(self.server.address, **owner)
        await self.tells(self.watching(friend), "a")

    async def test_lets_anyone_read(self):
        """
        What a user wrote can be open for anyone to read, and for no one to change.
        """
        provider = await self.running(
            self.server.address, root=self.root, user="bob", password="xyzzy", readers="anyone"
        )
        await provider.announce(an_instance())
        stranger = await self.running(self.server.address, root=self.root)
        await self.tells(self.watching(stranger), "a")
        with pytest.raises(RegistryError, match="user and password"):
            await stranger.announce(an_instance(id="b"))

    async def test_refuses_at_once_in_a_fork(self):
        """
        A forked child is told at once, and its end does not end the parent's session.
        """
        provider, _, told = await self.one_of_each(self.server.address)
        told_by_child = await deferToThread(_in_a_fork, provider)
        assert "start the application after the fork" in told_by_child
        await self.pass_time(3)
        assert [["a"]] == [
            [instance.id for instance in snapshot.instances]
            for snapshot in told.snapshots
            if snapshot.instances
        ]
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")


def _in_a_fork(registry):
    """
    Return what a child of a fork is told, which must come without any reactor.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            registry.watch("demo.Greeter", ReceivedUpdates())
            os.write(write_end, b"nothing")
        except RegistryError as error:
            os.write(write_end, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end, "rb") as pipe:
        return pipe.read().decode()
