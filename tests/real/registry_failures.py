"""
What every registry of an outside server must live through, whichever server it is.
"""

from __future__ import annotations

import socket

import pytest
from twisted.internet.threads import deferToThread

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import an_instance
from tests.real.ports import free_ports
from tests.real.registry_case import STALL_S, OneServer, instances_in

__all__ = ["RegistryFailures"]


class RegistryFailures(OneServer):
    """
    For a `tests.real.registry_case.RegistryCase`, with the names of its server's limits.
    """

    #: Longer than any operation waits for an answer, and than a stop takes.
    limit_s = 2.0
    #: The option that names how long others wait for a provider that died.
    lease_option = "lease"
    #: What is said where nobody listens, as a pattern.
    unreachable = ""

    async def test_survives_a_frozen_server(self):
        """
        While a server hangs with its connections open nothing waits without limit.
        """
        provider, consumer, told = await self.one_of_each(self.server.address)
        self.server.freeze()
        try:
            begun = self.clock.seconds()
            with pytest.raises(RegistryError):
                await consumer.services()
            assert self.clock.seconds() - begun < self.limit_s
            announcing = spawn(provider.announce(an_instance(id="b")))
            await self.pass_time(self.limit_s)
            begun = self.clock.seconds()
            await provider.withdraw(an_instance(id="a"))
            assert self.clock.seconds() - begun < 0.1
            assert ["a"] == instances_in(told)
            await self._comes_and_goes()
        finally:
            self.server.thaw()
        await announcing
        await self.tells(told, "b")
        assert self.longest_stall_s < STALL_S

    async def _comes_and_goes(self):
        """
        Start a registry without its server, ask it for something, and stop it.
        """
        stopping = self.made(self.server.address)
        await stopping.start()
        stopping.watch("demo.Greeter", lambda _: None)
        leaving = spawn(stopping.announce(an_instance(id="c")))
        await self.pass_time(0.2)
        begun = self.clock.seconds()
        await stopping.stop()
        assert self.clock.seconds() - begun < self.limit_s
        await leaving

    async def test_survives_a_restart(self):
        """
        After the server was killed and came back all is as it was, and told once.
        """
        provider, _, told = await self.one_of_each(self.server.address)
        self.server.kill()
        await self.pass_time(3)
        assert ["a"] == instances_in(told)
        await deferToThread(self.server.serve)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")
        assert [["a"], ["a", "b"]] == [
            sorted(instance.id for instance in snapshot.instances)
            for snapshot in told.snapshots
            if snapshot.instances
        ]

    async def test_survives_the_loss_of_all_data(self):
        """
        A server that comes back empty is filled again by those who announced.
        """
        own = self.make_server()
        self.addCleanup(own.remove)
        await deferToThread(own.serve)
        provider, _, told = await self.one_of_each(own.address)
        gone = await self.running(own.address, root=self.root)
        await gone.announce(an_instance(id="gone"))
        for weight in range(50):
            await provider.announce(an_instance(weight=weight))
        await self.tells(told, "a", "gone")
        own.kill()
        own.forget()
        self.fall_silent(gone)
        await deferToThread(own.serve)
        await self.tells(self.watching(await self.running(own.address, root=self.root)), "a")
        await self.tells(told, "a")
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")

    async def test_says_why_it_cannot_connect(self):
        """
        Who asks an address where nobody listens is told so within the limit.
        """
        consumer = await self.running(f"127.0.0.1:{free_ports(1)[0]}", operation_timeout="500ms")
        with pytest.raises(RegistryError, match=self.unreachable):
            await consumer.services()

    async def test_stops_at_once_without_a_server(self):
        """
        A registry that never reached a server stops without waiting for one.
        """
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            address = f"127.0.0.1:{mute.getsockname()[1]}"
            registry = self.made(address, **{self.lease_option: "30s"})
            await registry.start()
            registry.watch("demo.Greeter", lambda _: None)
            await self.pass_time(0.2)
            begun = self.clock.seconds()
            await registry.stop()
            assert self.clock.seconds() - begun < self.limit_s
