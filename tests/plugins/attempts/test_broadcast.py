"""
Calls to all nodes.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from rpcfw.errors import NoInstances, SettingsError, Unavailable
from rpcfw.kernel.settings import options_of
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.status import Status
from rpcfw.testing.candidates import candidates
from rpcfw.testing.contracts.attempts import (
    AttemptStrategyContract,
    Fleet,
    a_timed_call,
    result_of,
)
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_attempts.broadcast import Broadcast, BroadcastOptions
from rpcfw_retries.never import NeverRetry


class TestBroadcast(AttemptStrategyContract):
    repeats = False

    def make(self, plugin_context, **texts):
        return Broadcast(options_of(BroadcastOptions, **texts), plugin_context)

    def test_all_are_called(self):
        """
        Each node gets the call once, whether it is idempotent or one-way.
        """
        for idempotent, one_way in ((True, False), (False, False), (False, True)):
            fleet, call = Fleet(lambda call: call.peer), a_timed_call(idempotent=idempotent)
            call.method = evolve(call.method, one_way=one_way)
            assert "a" == self.end_of(fleet, call)
            assert ["a", "b", "c"] == [attempt.peer for attempt in fleet.attempts]

    def test_it_waits_for_all(self):
        """
        The call has ended when all nodes have answered.
        """
        waiting, answered = {}, []
        fleet = Fleet(lambda call: waiting.setdefault(call.peer, Waiter()))
        running = self.begin(fleet, a_timed_call(), self.context())
        while not running.called:
            peer, waiter = waiting.popitem()
            answered.append(peer)
            waiter.callback(peer)
        assert ["a", "b", "c"] == sorted(answered)
        assert answered[0] == result_of(running)

    def test_a_failure(self):
        """
        One node that fails fails the call; the error says how many, and which was the first.
        """
        fleet = Fleet(lambda call: Unavailable("gone") if call.peer == "b" else "good")
        error = self.end_of(fleet, a_timed_call())
        assert Status.UNAVAILABLE is error.status
        assert "1 of 3 nodes failed; the first was b: gone" == error.message

    def test_no_nodes(self):
        """
        Without nodes the call fails as any other.
        """

        def none(call):
            call.peer = ""
            return NoInstances("none is known")

        assert "none is known" == self.end_of(Fleet(none), a_timed_call()).message


class TestOneAfterAnother(TestBroadcast):
    def make(self, plugin_context):
        return super().make(plugin_context, max_parallel="1")

    def test_it_waits_for_all(self):
        """
        The next node is called when the one before it has answered.
        """
        waiting = []
        fleet = Fleet(lambda call: waiting.append(Waiter()) or waiting[-1])
        running = self.begin(fleet, a_timed_call(), self.context())
        for number in range(3):
            assert (1, number + 1) == (fleet.under_way, len(fleet.attempts))
            waiting[number].callback(number)
        assert 0 == result_of(running)


class TestSomeMayFail(TestBroadcast):
    def make(self, plugin_context):
        return super().make(plugin_context, max_failures="40%")

    def test_a_failure(self):
        """
        A share of the nodes may fail, but no more.
        """
        fleet = Fleet(lambda call: Unavailable("gone") if call.peer == "a" else call.peer)
        assert "b" == self.end_of(fleet, a_timed_call())
        fleet = Fleet(lambda call: Unavailable("gone") if call.peer != "a" else call.peer)
        assert "2 of 3" in self.end_of(fleet, a_timed_call()).message


@pytest.mark.parametrize(("failing", "fails"), [(29, False), (30, True)])
def test_exactly_the_share_may_fail(failing, fails):
    """
    With max_failures of 29 %, 29 of 100 nodes may fail: as floats, 0.29 x 100 is less than 29.
    """
    fleet = Fleet(lambda call: Unavailable("gone") if int(call.peer) < failing else "good")
    fleet.nodes = candidates(**{str(number): 1 for number in range(100)})
    context = plugin_context(Clock())
    strategy = Broadcast(options_of(BroadcastOptions, max_failures="29%"), context)
    step = strategy.bind(fleet.attempt, NeverRetry(NoOptions(), context))
    found = result_of(spawn(step(a_timed_call())))

    assert isinstance(found, Unavailable) is fails


def test_options_that_mean_nothing():
    """
    No call at a time would be no call at all.
    """
    with pytest.raises(SettingsError, match="max_parallel: must be at least 1"):
        options_of(BroadcastOptions, max_parallel="0")
