"""
The memory registry.
"""

from __future__ import annotations

import gc

from twisted.trial.unittest import TestCase

from rpcfw.testing.contracts.registry import ReceivedUpdates, RegistryContract, an_instance
from rpcfw_registries.local.memory import MemoryOptions, MemoryRegistry
from tests.plugins.registries.still import StillTime


class TestMemory(StillTime, RegistryContract, TestCase):
    def registry(self, name="here"):
        return MemoryRegistry(MemoryOptions(name=name), self.plugin_context)

    async def test_other_names_are_other_places(self):
        """
        Registries with different names do not see each other.
        """
        await self.put(an_instance())
        elsewhere = self.registry("there")
        told = ReceivedUpdates()
        elsewhere.watch("demo.Greeter", told)
        await self.sees(told)
        assert () == await elsewhere.services()

    async def test_tells_later(self):
        """
        Nothing is told before the watch is in its owner's hands.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        assert [] == told.snapshots

    async def test_tells_what_comes_together_at_once(self):
        """
        The changes of one turn of the reactor are one list.
        """
        told, _ = self.watched()
        for number in range(100):
            await self.announcer.announce(an_instance(id=f"i{number}"))
        self.advance(1)
        assert [100] == [len(snapshot.instances) for snapshot in told.snapshots]

    async def test_leaves_nothing_behind(self):
        """
        A place is gone with its last registry.
        """
        registry = self.registry("gone soon")
        await registry.announce(an_instance())
        registry.watch("demo.Greeter", ReceivedUpdates())
        await registry.stop()
        del registry
        gc.collect()
        assert () == await self.registry("gone soon").services()
