"""
A server that stops in good order while it is called.
"""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Factory, Protocol

from rpcfw.spi.service import Service, method
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address
from rpcfw.wire.frames import MAGIC

DRAIN_LIMIT_S = 2.0


class Counter(Service, name="demo.Counter"):
    """
    A write: it must not be repeated, so nothing may be lost.
    """

    def __init__(self):
        self.number = 0

    @method
    async def add(self) -> int:
        self.number += 1
        return self.number


@pytest.fixture(name="providers")
def _providers(lab):
    """
    Two processes that count.
    """
    sets = (f"server.drain_timeout={DRAIN_LIMIT_S:g}s",)
    return [lab.serve(Counter(), name=name, sets=sets) for name in "ab"]


def test_loses_no_call_that_is_on_its_way(lab, providers):
    """
    A call sent before the server's goodbye has come is answered, or refused unbegun.
    """
    client = lab.consumer("balancer.plugin=round_robin").application.client(Counter)
    for _ in providers:
        lab.run(client.add())
    # Not the whole application: the registry goes on to tell of it.
    stopped = lab.begin(providers[1].application.server.stop())
    calls = [lab.begin(client.add()) for _ in range(10)]
    lab.finish(stopped)

    assert 10 == len([lab.finish(each) for each in calls])


def test_does_not_wait_for_ever(lab, providers):
    """
    A peer that does not go cannot keep a server from stopping.
    """
    process = providers[0]
    network = Network(lab.clock, process.network)
    connecting = network.client(Address("memory", "a"), 1.0).connect(Factory.forProtocol(Protocol))
    lab.until(lambda: connecting.called)
    connecting.result.transport.write(MAGIC.to_bytes(2, "big"))
    lab.advance(0.001)
    begun_at = lab.clock.seconds()

    lab.stop(process)

    assert DRAIN_LIMIT_S <= lab.clock.seconds() - begun_at < DRAIN_LIMIT_S + 0.1
