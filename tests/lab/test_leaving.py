"""
A server that stops in good order while it is called.
"""

from __future__ import annotations

from twisted.internet.protocol import Factory, Protocol

from rpcfw.spi.service import Service, method
from rpcfw.spi.waiting import spawn
from rpcfw.values.address import Address
from rpcfw.wire.frames import MAGIC
from tests.lab.lab_case import TURN_S, LabCase

DRAIN_LIMIT_S = 2.0


class Counter(Service, name="demo.Counter"):
    """
    A write: it must not be repeated, so nothing may be lost.
    """

    def __init__(self) -> None:
        self.number = 0

    @method
    async def add(self) -> int:
        self.number += 1
        return self.number


class LeavingTest(LabCase):
    provider_sets = (f"server.drain_limit={DRAIN_LIMIT_S:g}s",)

    def service(self, name: str) -> Service:
        return Counter()

    def test_loses_no_call_that_is_on_its_way(self) -> None:
        """
        A call sent before the server's goodbye has come is answered, or refused unbegun.
        """
        for _ in self.providers:
            self.run_to_end(self.client.add())
        server = self.providers.pop().server
        assert server is not None
        stopped = spawn(server.stop())
        calls = [spawn(self.client.add()) for _ in range(10)]
        self.turn_until(stopped)

        assert 10 == len([self.turn_until(each) for each in calls])

    def test_does_not_wait_for_ever(self) -> None:
        """
        A peer that does not go cannot keep a server from stopping.
        """
        endpoint = self.network.client(Address("memory", "a"), 1.0)
        peer = self.successResultOf(endpoint.connect(Factory.forProtocol(Protocol)))
        peer.transport.write(MAGIC.to_bytes(2, "big"))
        self.clock.advance(TURN_S)
        begun_at = self.clock.seconds()

        self.run_to_end(self.providers.pop(0).stop())

        assert DRAIN_LIMIT_S <= self.clock.seconds() - begun_at < DRAIN_LIMIT_S + 0.1
