"""
Which of several servers is asked, and how often.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import error_from_status
from rpcfw.spi.runtime.waiting import sleep, spawn
from rpcfw.status import Hint, Status
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw_registries.remote.failover import Failover
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.remote.store import InstanceStore, TryAgain

ADDRESSES = (Address("tcp", "a", 1), Address("tcp", "b", 1))


class Channel:
    """
    A channel that nobody asks.
    """

    def __init__(self, address):
        self.address = address

    async def close(self):
        pass


def failover(clock, lost=lambda: None, seed=3, check=None):
    return Failover(
        ADDRESSES,
        Channel,
        "a test's server",
        (Status.UNAVAILABLE,),
        5.0,
        plugin_context(clock, Random(seed)),
        lost,
        check,
    )


@pytest.mark.parametrize("hints", [Hint.NONE, Hint.NOT_BEGUN])
def test_a_server_that_refuses_a_request_is_there(hints):
    """
    After a failure, an answer is the end of it, even if it is a refusal.
    """
    servers = failover(Clock())
    servers.failed(servers.channel(), error_from_status(Status.UNAVAILABLE, "gone"))
    assert servers.away
    refused = error_from_status(Status.RESOURCE_EXHAUSTED, "overloaded", hints=hints)
    assert not servers.failed(servers.channel(), refused)
    assert not servers.away
    assert "" == servers.trouble


def test_what_was_never_sent_says_nothing_of_the_server():
    """
    An error of this side leaves it open whether the server is there.
    """
    servers = failover(Clock())
    servers.failed(servers.channel(), error_from_status(Status.UNAVAILABLE, "gone"))
    own = error_from_status(Status.RESOURCE_EXHAUSTED, "too many wait", hints=Hint.NEVER_SENT)
    assert not servers.failed(servers.channel(), own)
    assert servers.away


def test_why_a_shared_channel_was_closed():
    """
    A request that ends because another one found the server gone says so, and not "cancelled".
    """
    servers = failover(Clock())
    channel, cancelled = servers.channel(), error_from_status(Status.CANCELLED, "stopped")
    assert servers.cause(channel, cancelled) is cancelled
    servers.failed(channel, error_from_status(Status.UNAVAILABLE, "gone"))
    cause = servers.cause(channel, cancelled)
    assert Status.UNAVAILABLE is cause.status
    assert f"a test's server {channel.address} is unreachable (UNAVAILABLE: gone)" == cause.message
    refused = error_from_status(Status.PERMISSION_DENIED, "no")
    assert servers.cause(channel, refused) is refused


def lose(servers):
    servers.failed(servers.channel(), error_from_status(Status.UNAVAILABLE, "gone"))


class Checks:
    """
    Whether servers answer.
    """

    def __init__(self):
        self.answers = False
        self.checked = []

    async def __call__(self, channel):
        self.checked.append(channel.address)
        if not self.answers:
            raise error_from_status(Status.UNAVAILABLE, "gone")


def test_the_first_server_is_used_again():
    """
    It is checked once in half an hour to an hour, and used when it answers; not before.
    """
    clock, checks, lost = Clock(), Checks(), []
    servers = failover(clock, lambda: lost.append(clock.seconds()), check=checks)
    first = servers.channel().address
    lose(servers)
    other = servers.channel()
    servers.answered(other)
    clock.pump([60] * 120)
    assert servers.channel() is other
    assert 2 <= len(checks.checked) <= 4
    assert {first} == {*checks.checked}
    checks.answers = True
    lost.clear()
    clock.pump([60] * 60)
    assert servers.channel().address is first
    assert 1 == len(lost)
    assert not servers.away
    assert [] == clock.getDelayedCalls()


def test_a_fleet_comes_back_slowly():
    """
    Of 600 processes that lost a server, at most 40 come back in one minute.
    """
    clock, checks, back = Clock(), Checks(), []
    checks.answers = True
    for seed in range(600):
        servers = failover(clock, lambda: back.append(clock.seconds()), seed=seed, check=checks)
        lose(servers)
    back.clear()
    clock.pump([60] * 61)
    assert 600 == len(back)
    assert 1800 <= back[0]
    assert max(Counter(back).values()) <= 40


def test_who_is_closed_does_not_come_back():
    """
    Nothing is left of it, also if it is closed while the first server is checked.
    """
    clock = Clock()
    opened = []

    async def check(channel):
        opened.append(channel)
        await sleep(clock, 10)

    for at_s in (100, 3605):
        servers = failover(clock, check=check)
        lose(servers)
        clock.advance(at_s)
        spawn(servers.close())
        lose(servers)
        assert [] == clock.getDelayedCalls()
    assert 1 == len(opened)


class Overloaded(InstanceStore):
    """
    At two servers, of which one is gone and the other one refuses for now.
    """

    def __init__(self, clock):
        self.asked = 0
        self._clock = clock
        self.servers = failover(clock)
        self._first = self.servers.channel()

    @property
    def away(self):
        return self.servers.away

    async def open(self):
        await self.servers.open()

    async def write(self, changes):
        self.asked += 1
        await sleep(self._clock, 0.001)
        channel = self.servers.channel()
        gone = channel.address is self._first.address
        status = Status.UNAVAILABLE if gone else Status.RESOURCE_EXHAUSTED
        self.servers.failed(channel, error_from_status(status, "not now"))
        raise TryAgain("not now")

    async def end(self, keys):
        pass

    def lost(self):
        pass


def test_an_overloaded_server_is_not_asked_without_a_pause():
    """
    A server that refuses for now is asked about once a second, also after another one failed.
    """
    clock = Clock()
    store = Overloaded(clock)
    reconciler = Reconciler(store, "a test's store", plugin_context(clock, Random(3)))
    spawn(reconciler.put(an_instance()))
    clock.pump([0.01] * 1000)
    assert 5 <= store.asked <= 20
