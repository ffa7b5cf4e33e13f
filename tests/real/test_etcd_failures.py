"""
The etcd registry through everything that happens to one member and its data.
"""

from __future__ import annotations

import socket

import pytest
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.spi.waiting import spawn
from rpcfw.testing.contracts.registry import an_instance
from tests.real.etcd_case import EtcdCase, instances_in
from tests.real.etcd_server import EtcdMember, free_ports
from tests.requirements import require_etcd

pytestmark = pytest.mark.etcd


class TestFailures(EtcdCase, TestCase):
    @classmethod
    def setUpClass(cls):
        require_etcd()
        cls.member = EtcdMember()
        cls.member.start()
        cls.member.wait_ready()

    @classmethod
    def tearDownClass(cls):
        cls.member.remove()

    async def one_of_each(self, **texts):
        """
        Return a registry that announces, one that watches, and what it is told.
        """
        options = {"root": f"/{self._testMethodName}", **texts}
        provider = await self.running(self.member.address, **options)
        consumer = await self.running(self.member.address, **options)
        told = self.watching(consumer)
        await provider.announce(an_instance(id="a"))
        await self.tells(told, "a")
        return provider, consumer, told

    def key(self, id="a"):
        return f"/{self._testMethodName}/demo.Greeter/{id}"

    async def test_recovers_from_a_revoked_lease(self):
        """
        What hung on a lease that somebody revoked is announced again, all of it.
        """
        provider, _, told = await self.one_of_each()
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")
        lease = provider._announcing._lease.id  # noqa: SLF001 - as a wiretap would
        await self.ctl(self.member, "lease", "revoke", f"{lease:x}")
        await self.tells(told)
        await self.tells(told, "a", "b", limit_s=3)

    async def test_puts_back_a_key_changed_by_hand(self):
        """
        A key that somebody overwrites is as it was after the self-check.
        """
        _, _, told = await self.one_of_each()
        await self.ctl(self.member, "put", self.key(), "{}")
        await self.tells(told)
        await self.tells(told, "a", limit_s=3)
        assert [an_instance(id="a")] == told.last

    async def test_follows_itself(self):
        """
        Of two processes with one id the later counts, and the other when it has gone.
        """
        first, _, told = await self.one_of_each()
        second = await self.running(self.member.address, root=f"/{self._testMethodName}")
        await second.announce(an_instance(id="a", weight=7))
        await self.eventually(lambda: [7] == [one.weight for one in told.last], lambda: told.last)
        await self.pass_time(2.5)
        assert [7] == [one.weight for one in told.last]
        await first.withdraw(an_instance(id="a"))
        await self.pass_time(0.5)
        assert [7] == [one.weight for one in told.last]
        await first.announce(an_instance(id="a"))
        await self.eventually(lambda: [70] == [one.weight for one in told.last], lambda: told.last)
        await first.withdraw(an_instance(id="a"))
        await self.eventually(lambda: [7] == [one.weight for one in told.last], lambda: told.last)

    async def test_survives_a_frozen_member(self):
        """
        While a member hangs with its connections open nothing waits without limit.
        """
        provider, consumer, told = await self.one_of_each()
        self.member.freeze()
        try:
            begun = self.clock.seconds()
            with pytest.raises(RegistryError, match="no etcd member answers"):
                await consumer.services()
            assert self.clock.seconds() - begun < 2
            announcing = spawn(provider.announce(an_instance(id="b")))
            await self.pass_time(2)
            begun = self.clock.seconds()
            await provider.withdraw(an_instance(id="a"))
            assert self.clock.seconds() - begun < 0.1
            assert ["a"] == instances_in(told)
            stopping = self.made(self.member.address)
            await stopping.start()
            stopping.watch("demo.Greeter", lambda _: None)
            leaving = spawn(stopping.announce(an_instance(id="c")))
            await self.pass_time(0.2)
            begun = self.clock.seconds()
            await stopping.stop()
            assert self.clock.seconds() - begun < 2
            await leaving
        finally:
            self.member.thaw()
        await announcing
        await self.tells(told, "b")

    async def test_survives_a_restart(self):
        """
        After the member was killed and came back all is as it was, and told once.
        """
        provider, _, told = await self.one_of_each()
        self.member.kill()
        await self.pass_time(3)
        assert ["a"] == instances_in(told)
        self.member.start()
        await deferToThread(self.member.wait_ready)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")
        assert [["a"], ["a", "b"]] == [
            sorted(instance.id for instance in snapshot.instances)
            for snapshot in told.snapshots
            if snapshot.instances
        ]

    async def test_survives_the_loss_of_all_data(self):
        """
        A member that comes back empty is filled again by those who announced.
        """
        own = EtcdMember()
        own.start()
        try:
            await deferToThread(own.wait_ready)
            provider = await self.running(own.address)
            consumer = await self.running(own.address)
            gone = await self.running(own.address)
            told = self.watching(consumer)
            await gone.announce(an_instance(id="gone"))
            for weight in range(50):
                await provider.announce(an_instance(weight=weight))
            await self.tells(told, "a", "gone")
            own.kill()
            own.forget()
            gone._announcing._loop.cancel()  # noqa: SLF001 - it dies as well
            own.start()
            await deferToThread(own.wait_ready)
            await self.tells(self.watching(await self.running(own.address)), "a")
            await self.tells(told, "a")
            await provider.announce(an_instance(id="b"))
            await self.tells(told, "a", "b")
        finally:
            own.remove()

    async def test_reads_what_is_too_large_for_one_message(self):
        """
        Records that do not fit into one answer come in several.
        """
        provider = await self.running(self.member.address, root=f"/{self._testMethodName}")
        tags = {"filler": "x" * 100_000}
        instances = [an_instance(id=f"i{number}", tags=tags) for number in range(60)]
        for one in [spawn(provider.announce(instance)) for instance in instances]:
            await one
        consumer = await self.running(self.member.address, root=f"/{self._testMethodName}")
        await self.tells(self.watching(consumer), *(instance.id for instance in instances))

    async def test_lists_services_of_many_instances(self):
        """
        A service with more instances than one answer holds does not hide the next.
        """
        provider, consumer, _ = await self.one_of_each()
        instances = [an_instance("demo.Many", id=f"i{number}") for number in range(450)]
        for one in [spawn(provider.announce(instance)) for instance in instances]:
            await one
        await provider.announce(an_instance("demo.Most"))
        assert ("demo.Greeter", "demo.Many", "demo.Most") == await consumer.services()

    async def test_says_what_is_too_large(self):
        """
        A record that etcd would not take is refused with its size.
        """
        provider = await self.running(self.member.address)
        with pytest.raises(RegistryError, match="shorten its tags"):
            await provider.announce(an_instance(tags={"a": "x" * 1_100_000}))

    async def test_says_why_it_cannot_connect(self):
        """
        Who asks an address where nobody listens is told so within the limit.
        """
        consumer = await self.running(f"127.0.0.1:{free_ports(1)[0]}")
        with pytest.raises(RegistryError, match="no etcd member answers at tcp:127"):
            await consumer.services()

    async def test_stops_at_once_without_a_member(self):
        """
        A registry that never reached a member stops without waiting for one.
        """
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            registry = self.made(f"127.0.0.1:{mute.getsockname()[1]}", lease="30s")
            await registry.start()
            registry.watch("demo.Greeter", lambda _: None)
            await self.pass_time(0.2)
            begun = self.clock.seconds()
            await registry.stop()
            assert self.clock.seconds() - begun < 2
