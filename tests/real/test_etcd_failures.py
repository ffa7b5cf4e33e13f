"""
The etcd registry through everything that happens to one member and its data.
"""

from __future__ import annotations

import pytest
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import an_instance
from tests.real.etcd_case import EtcdCase
from tests.real.registry_failures import RegistryFailures

pytestmark = pytest.mark.etcd


class TestFailures(EtcdCase, RegistryFailures, TestCase):
    unreachable = "no etcd member answers at tcp:127"

    def key(self, id="a"):
        return f"{self.root}/demo.Greeter/{id}"

    async def test_recovers_from_a_revoked_lease(self):
        """
        What hung on a lease that somebody revoked is announced again, all of it.
        """
        provider, _, told = await self.one_of_each(self.server.address)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")
        lease = provider._announced._store._lease.id  # noqa: SLF001 - as a wiretap would
        await self.ctl(self.server, "lease", "revoke", f"{lease:x}")
        await self.tells(told)
        await self.tells(told, "a", "b", limit_s=3)

    async def test_puts_back_a_key_changed_by_hand(self):
        """
        A key that somebody overwrites is as it was after the self-check.
        """
        _, _, told = await self.one_of_each(self.server.address)
        await self.ctl(self.server, "put", self.key(), "{}")
        await self.tells(told)
        await self.tells(told, "a", limit_s=3)
        assert [an_instance(id="a")] == told.last

    async def test_follows_itself(self):
        """
        Of two processes with one id the later counts, and the other when it has gone.
        """
        first, _, told = await self.one_of_each(self.server.address)
        second = await self.running(self.server.address, root=self.root)
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

    async def test_reads_what_is_too_large_for_one_message(self):
        """
        Records that do not fit into one answer come in several.
        """
        provider = await self.running(self.server.address, root=self.root)
        tags = {f"filler{number}": "x" * 16_000 for number in range(7)}
        instances = [an_instance(id=f"i{number}", tags=tags) for number in range(60)]
        for one in [spawn(provider.announce(instance)) for instance in instances]:
            await one
        consumer = await self.running(self.server.address, root=self.root)
        await self.tells(self.watching(consumer), *(instance.id for instance in instances))

    async def test_lists_services_of_many_instances(self):
        """
        A service with more instances than one answer holds does not hide the next.
        """
        provider, consumer, _ = await self.one_of_each(self.server.address)
        instances = [an_instance("demo.Many", id=f"i{number}") for number in range(450)]
        for one in [spawn(provider.announce(instance)) for instance in instances]:
            await one
        await provider.announce(an_instance("demo.Most"))
        assert ("demo.Greeter", "demo.Many", "demo.Most") == await consumer.services()

    async def test_says_what_is_too_large(self):
        """
        A record that etcd would not take is refused with its size.
        """
        provider = await self.running(self.server.address)
        with pytest.raises(RegistryError, match="shorten its tags"):
            await provider.announce(an_instance(tags={"a": "x" * 1_100_000}))
