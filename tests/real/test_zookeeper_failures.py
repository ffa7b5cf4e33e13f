"""
The ZooKeeper registry through everything that happens to one server.
"""

from __future__ import annotations

import os
import socket

import pytest
from kazoo.client import KazooClient
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.testing.contracts.registry import Told, an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.paths import node_name
from tests.real.zookeeper_case import ZooKeeperCase, expire, instances_in
from tests.real.zookeeper_server import ZooKeeperServer, free_ports
from tests.requirements import require_zookeeper

pytestmark = pytest.mark.zookeeper

#: On a busy machine a thread may have to wait this long for its turn.
STALL_S = 0.5


class TestFailures(ZooKeeperCase, TestCase):
    @classmethod
    def setUpClass(cls):
        require_zookeeper()
        cls.server = ZooKeeperServer()
        cls.server.start()
        cls.server.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    async def one_of_each(self, **texts):
        """
        Return a registry that announces, one that watches, and what it is told.
        """
        options = {"root": f"/{self._testMethodName}", **texts}
        provider = await self.running(self.server.address, **options)
        consumer = await self.running(self.server.address, **options)
        told = self.watching(consumer)
        await provider.announce(an_instance(id="a"))
        await self.tells(told, "a")
        return provider, consumer, told

    async def test_recovers_from_an_expired_session_of_the_provider(self):
        """
        An expired session's instances are announced again at once, all of them.
        """
        provider, _, told = await self.one_of_each()
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
        provider, consumer, told = await self.one_of_each()
        await expire(consumer)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b", limit_s=5)
        await provider.withdraw(an_instance(id="a"))
        await self.tells(told, "b", limit_s=5)

    async def test_puts_back_a_node_deleted_by_hand(self):
        """
        A node that somebody deletes is back after the self-check.
        """
        _, _, told = await self.one_of_each()
        name = node_name(an_instance(id="a"), instance_to_json(an_instance(id="a")))

        def delete():
            client = KazooClient(self.server.address)
            client.start()
            client.delete(f"/{self._testMethodName}/demo.Greeter/{name}")
            client.stop()
            client.close()

        await deferToThread(delete)
        await self.tells(told)
        await self.tells(told, "a", limit_s=3)

    async def test_survives_a_frozen_server(self):
        """
        While a server hangs with its connections open nothing waits without limit.
        """
        provider, consumer, told = await self.one_of_each()
        self.server.freeze()
        try:
            begun = self.clock.seconds()
            with pytest.raises(RegistryError):
                await consumer.services()
            assert self.clock.seconds() - begun < 4
            announcing = Deferred.fromCoroutine(provider.announce(an_instance(id="b")))
            await self.pass_time(4)
            begun = self.clock.seconds()
            await provider.withdraw(an_instance(id="a"))
            assert self.clock.seconds() - begun < 0.1
            assert ["a"] == instances_in(told)
            stopping = self.made(self.server.address)
            await stopping.start()
            await self.pass_time(0.2)
            begun = self.clock.seconds()
            await stopping.stop()
            assert self.clock.seconds() - begun < 4
        finally:
            self.server.thaw()
        await announcing
        await self.tells(told, "b")
        assert self.longest_stall_s < STALL_S

    async def test_survives_a_restart(self):
        """
        After the server was killed and came back all is as it was.
        """
        provider, _, told = await self.one_of_each()
        self.server.kill()
        await self.pass_time(3)
        assert ["a"] == instances_in(told)
        self.server.start()
        await deferToThread(self.server.wait_ready)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")

    async def test_survives_the_loss_of_all_data(self):
        """
        A server that comes back empty is filled again by those who announced.
        """
        own = ZooKeeperServer()
        own.start()
        try:
            await deferToThread(own.wait_ready)
            provider = await self.running(own.address, session_timeout="1s")
            consumer = await self.running(own.address, session_timeout="1s")
            told = self.watching(consumer)
            await provider.announce(an_instance())
            await self.tells(told, "a")
            own.kill()
            own.forget()
            own.start()
            await deferToThread(own.wait_ready)
            await self.tells(self.watching(await self.running(own.address)), "a")
            await self.tells(told, "a")
            await provider.announce(an_instance(id="b"))
            await self.tells(told, "a", "b")
        finally:
            own.remove()

    async def test_says_why_it_cannot_connect(self):
        """
        Who asks an address where nobody listens is told so within the limit.
        """
        consumer = await self.running(f"127.0.0.1:{free_ports(1)[0]}", operation_timeout="500ms")
        with pytest.raises(RegistryError, match="was reached within 500ms"):
            await consumer.services()

    async def test_stops_at_once_without_a_server(self):
        """
        A registry that never reached a server stops without waiting for one.
        """
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            registry = self.made(f"127.0.0.1:{mute.getsockname()[1]}", session_timeout="30s")
            await registry.start()
            await self.pass_time(0.2)
            begun = self.clock.seconds()
            await registry.stop()
            assert self.clock.seconds() - begun < 3

    async def test_keeps_strangers_out(self):
        """
        With a user, only that user may read and write what was announced.
        """
        root = f"/{self._testMethodName}"
        owner = {"root": root, "user": "bob", "password": "xyzzy"}
        provider = await self.running(self.server.address, **owner)
        await provider.announce(an_instance())
        stranger = await self.running(self.server.address, root=root)
        with pytest.raises(RegistryError, match="user and password"):
            await stranger.announce(an_instance(id="b"))
        with pytest.raises(RegistryError, match="user and password"):
            await stranger.services()
        friend = await self.running(self.server.address, **owner)
        await self.tells(self.watching(friend), "a")

    async def test_lets_anyone_read(self):
        """
        What a user wrote can be open for anyone to read, and for no one to change.
        """
        root = f"/{self._testMethodName}"
        provider = await self.running(
            self.server.address, root=root, user="bob", password="xyzzy", readers="anyone"
        )
        await provider.announce(an_instance())
        stranger = await self.running(self.server.address, root=root)
        await self.tells(self.watching(stranger), "a")
        with pytest.raises(RegistryError, match="user and password"):
            await stranger.announce(an_instance(id="b"))

    async def test_refuses_at_once_in_a_fork(self):
        """
        A forked child is told at once, and its end does not end the parent's session.
        """
        provider, _, told = await self.one_of_each()
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
            registry.watch("demo.Greeter", Told())
            os.write(write_end, b"nothing")
        except RegistryError as error:
            os.write(write_end, str(error).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end, "rb") as pipe:
        return pipe.read().decode()
