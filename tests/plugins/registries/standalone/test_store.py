"""
What a provider makes of the leases that a registry server grants.
"""

from __future__ import annotations

import math
from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.spi.runtime.waiting import sleep, spawn
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.remote.store import Change
from rpcfw_registries.standalone.messages import Granted, Renewed
from rpcfw_registries.standalone.session import ANNOUNCE, RENEW
from rpcfw_registries.standalone.store import StandaloneStore


class AnySession:
    """
    A session with a server that grants leases of one length, whatever is asked for.
    """

    away = False

    def __init__(self, clock, lease_s, version=0):
        self._clock = clock
        self._lease_s = lease_s
        self._version = version
        #: What came along with announcements.
        self.seen = []
        #: The time limits of all renewals.
        self.renewals = []
        #: Who they are said to be of.
        self.owners = set()

    async def open(self):
        pass

    async def call(self, method, timeout_s=3.0, **arguments):
        await sleep(self._clock, 0.001)
        self.owners.add(arguments["owner"])
        if method is RENEW:
            self.renewals.append(timeout_s)
            return Renewed(self._lease_s, version=self._version)
        if method is ANNOUNCE:
            self.seen.append(arguments["seen"])
        return Granted(self._lease_s)


@pytest.mark.parametrize(
    ("lease_s", "fewest", "most"), [(-5.0, 25, 40), (0.0, 25, 40), (3.0, 1, 2), (math.inf, 0, 1)]
)
def test_a_lease_of_any_length_is_renewed_at_a_bearable_rate(lease_s, fewest, most):
    """
    A server that grants no time is not asked without pause, and one that grants all is asked again.
    """
    clock = Clock()
    around = plugin_context(clock, Random(1))
    session = AnySession(clock, lease_s)
    store = StandaloneStore(session, 3.0, around)
    reconciler = Reconciler(store, "a test's server", around)
    announced = spawn(reconciler.put(an_instance(id="a")))
    clock.pump([0.001] * 1100)
    assert announced.called
    assert fewest <= len(session.renewals) <= most
    assert all(timeout_s > 0 for timeout_s in session.renewals)
    assert store.renew_at < 86_400
    stopped = spawn(reconciler.stop())
    clock.pump([0.001] * 10)
    assert stopped.called


def test_what_a_renewal_says_goes_along_with_the_next_announcement():
    """
    A renewal may make a new version. What is announced elsewhere later has to be newer than that.
    """
    clock = Clock()
    session = AnySession(clock, 3.0, version=7)
    store = StandaloneStore(session, 3.0, plugin_context(clock, Random(1)))
    record = Change(("demo.Greeter", "a"), b"{}", asked=True)
    spawn(store.renew([record.key]))
    clock.advance(1)
    spawn(store.write([record]))
    clock.advance(1)
    assert [7] == session.seen


def test_copies_of_a_store_are_two_owners():
    """
    Two children have a copy each of what was made before the fork. A lease is of one of them.
    """
    clock, owners = Clock(), []
    for seed in (1, 2):
        session, around = AnySession(clock, 3.0), plugin_context(clock, Random(0))
        store = StandaloneStore(session, 3.0, around)
        around.random.seed(seed)  # as in a forked child
        for _ in range(2):
            spawn(store.renew([("demo.Greeter", "a")]))
            clock.advance(1)
        owners += session.owners
    assert 2 == len(set(owners)) == len(owners)
