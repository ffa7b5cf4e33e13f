"""
What is announced comes to be in the store and stays there, whatever the store does.
"""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.remote.reconciler import Reconciler
from tests.plugins.registries.remote.faulty_store import FaultyStore


class Asked:
    """
    A request to a reconciler, and what became of it.
    """

    def __init__(self, coroutine):
        #: "waits", then None once it is done, or the error's text.
        self.outcome = "waits"
        self._running = spawn(coroutine).addCallbacks(self._done, self._failed)

    def give_up(self):
        self._running.cancel()

    def _done(self, _):
        self.outcome = None

    def _failed(self, failure):
        failure.trap(CancelledError, RegistryError)
        self.outcome = str(failure.value)


class World:
    """
    A reconciler, its store, and what was asked of it.
    """

    def __init__(self, check_s=20.0, lease_s=9.0):
        self.clock = Clock()
        self.store = FaultyStore(self.clock, lease_s)
        around = plugin_context(self.clock, Random(3))
        self.reconciler = Reconciler(self.store, "a test's store", around, check_s)
        self.wanted = {}
        #: Each with what it was asked for: a record, or None.
        self.asked = []

    def put(self, id, weight=1):
        instance = an_instance(id=id, weight=weight)
        self.wanted[instance.service, instance.id] = instance_to_json(instance)
        return self._asked(self.reconciler.put(instance))

    def remove(self, id):
        instance = an_instance(id=id)
        self.wanted.pop((instance.service, instance.id), None)
        return self._asked(self.reconciler.remove(instance))

    def advance(self, seconds):
        self.clock.pump([0.01] * round(seconds / 0.01))

    def stop(self):
        stopped = spawn(self.reconciler.stop())
        self.advance(1)
        assert stopped.called

    def _asked(self, coroutine):
        asked = Asked(coroutine)
        self.asked.append(asked)
        return asked

    def keys(self):
        return sorted(id for _, id in self.store.held)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 4), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(0, 4)),
        st.tuples(st.just("fail"), st.sampled_from(FaultyStore.FAULTS)),
        st.tuples(st.just("advance"), st.sampled_from([0.01, 0.02, 0.5, 1.5])),
        st.sampled_from([("leave",), ("come_back",), ("wipe",), ("check",), ("give_up",)]),
    ),
    max_size=40,
)


def do(world, what, *arguments):
    if what == "put":
        world.put(f"i{arguments[0]}", arguments[1])
    elif what == "remove":
        world.remove(f"i{arguments[0]}")
    elif what == "fail":
        world.store.faults.append(*arguments)
    elif what == "advance":
        world.advance(*arguments)
    elif what == "leave":
        world.store.leave(world.reconciler)
    elif what == "come_back":
        world.store.come_back()
    elif what == "wipe":
        world.store.wipe()
    elif what == "check":
        world.reconciler.check()
    elif world.asked:
        world.asked[-1].give_up()


@given(STEPS)
def test_the_store_comes_to_hold_what_is_wanted(steps):
    """
    Once the store works again it holds what was asked for last, and nobody waits.

    Whatever failed before: requests, answers, single records, the lease, the data, the
    connection, and whoever gave up waiting.
    """
    world = World()
    for step in steps:
        do(world, *step)
    world.store.come_back()
    world.store.faults.clear()
    # A refused record waits for the next check, after a pause for a refusal of everything.
    world.advance(7 + 23)

    assert world.wanted == world.store.held
    assert "" == world.reconciler.trouble
    outcomes = {asked.outcome for asked in world.asked}
    assert outcomes <= {None, "", "too large", "not permitted"}
    world.stop()
    assert [] == world.clock.getDelayedCalls()


@given(STEPS)
def test_who_is_told_that_it_is_there_finds_it(steps):
    """
    An announcement returns when the store holds this record, or a later one was asked for.
    """
    world = World()
    for step in steps:
        if step[0] == "wipe":
            continue
        do(world, *step)
        if step[0] == "put":
            key, record = (
                ("demo.Greeter", f"i{step[1]}"),
                world.wanted["demo.Greeter", f"i{step[1]}"],
            )
            while world.asked[-1].outcome == "waits" and world.clock.seconds() < 1000:
                world.store.come_back()
                world.advance(0.01)
            if world.asked[-1].outcome is None:
                assert record == world.store.held.get(key)
    world.stop()


def test_what_somebody_waits_for_comes_first():
    """
    A change does not wait until the check of all others is over.
    """
    world = World()
    for number in range(30):
        world.put(f"i{number}")
    world.advance(1)
    world.reconciler.check()
    world.advance(0.02)
    before = len(world.store.writes)
    world.put("i29", weight=7)
    world.advance(0.02)
    assert [("demo.Greeter", "i29")] in world.store.writes[before : before + 2]


def test_a_check_puts_back_what_is_gone():
    """
    What the store lost without a word is there again after a check.
    """
    world = World(lease_s=math.inf)
    world.put("a")
    world.advance(1)
    world.store.wipe()
    world.advance(23)
    assert ["a"] == world.keys()


def test_a_renewal_puts_back_what_is_gone():
    """
    What a renewal says is missing is announced again, without any check.
    """
    world = World(check_s=math.inf)
    world.put("a")
    world.advance(1)
    world.store.wipe()
    world.advance(4)
    assert ["a"] == world.keys()


@pytest.mark.parametrize("check_s", [20.0, math.inf])
def test_a_refused_renewal_is_trouble(check_s):
    """
    What is announced ends with its lease then; nobody need announce or withdraw to learn that.
    """
    world = World(check_s)
    world.put("a")
    world.advance(1)
    assert "" == world.reconciler.trouble
    world.store.renewal_refused = True
    world.advance(4)
    assert "not permitted" == world.reconciler.trouble
    world.store.renewal_refused = False
    world.advance(7)
    assert "" == world.reconciler.trouble
    assert ["a"] == world.keys()


def test_does_not_hammer_a_store_that_fails():
    """
    What is not done is tried again once a second, give or take a fifth.
    """
    for fault in ("lost", "later"):
        world = World()
        world.store.faults = [fault] * 1000
        asked = world.put("a")
        world.advance(30)
        assert "waits" == asked.outcome
        assert 24 <= len(world.store.writes) <= 38


def test_a_reconnect_ends_the_delay():
    """
    After a reconnect nobody waits for the end of a delay.
    """
    for fault in ("lost", "later", "denied"):
        world = World()
        world.store.faults = [fault]
        world.put("a")
        world.advance(0.1)
        assert [] == world.keys()
        world.reconciler.check()
        world.advance(0.1)
        assert ["a"] == world.keys()


def test_a_delayed_record_does_not_hold_up_others():
    """
    While one waits for room, others are announced at once.
    """
    world = World()
    world.store.faults = ["later"]
    world.put("a")
    world.advance(0.1)
    other = world.put("b")
    world.advance(0.1)
    assert None is other.outcome
    assert "full" == world.reconciler.trouble
    world.advance(2)
    assert ["a", "b"] == world.keys()


def test_a_refusal_is_told_at_once():
    """
    Who announces what the store refuses is told why, and it is tried at the next check.
    """
    world = World()
    world.store.faults = ["refused"]
    refused = world.put("a")
    world.advance(0.1)
    assert "too large" == refused.outcome
    assert "too large" == world.reconciler.trouble
    world.advance(23)
    assert ["a"] == world.keys()


def test_another_server_is_asked_for_what_one_refused():
    """
    After a lost connection, what was refused is tried again.
    """
    world = World(check_s=math.inf)
    world.store.faults = ["refused"]
    world.put("a")
    world.advance(10)
    assert [] == world.keys()
    world.store.leave(world.reconciler)
    world.store.come_back()
    world.advance(0.1)
    assert ["a"] == world.keys()


def test_nobody_waits_for_a_withdrawal_that_nobody_answers():
    """
    Withdrawing returns at once if the store is away, and as soon as it is lost.
    """
    world = World()
    world.put("a")
    world.put("b")
    world.advance(1)
    going = world.remove("a")
    assert "waits" == going.outcome
    world.store.leave(world.reconciler)
    assert None is going.outcome
    assert None is world.remove("b").outcome
    assert ["a", "b"] == world.keys()
    world.store.come_back()
    world.advance(2)
    assert [] == world.keys()


def test_a_refused_withdrawal_is_no_error():
    """
    What cannot be removed ends with its lease; whoever withdraws it need not know.
    """
    world = World()
    world.put("a")
    world.advance(1)
    world.store.faults = ["refused"]
    going = world.remove("a")
    world.advance(0.1)
    assert None is going.outcome


def test_a_refused_withdrawal_is_forgotten_where_nothing_is_checked():
    """
    Where only renewals say what is missing, it is no lasting trouble: its lease ends.
    """
    world = World(check_s=math.inf)
    world.put("a")
    world.advance(1)
    world.store.faults = ["refused"]
    world.remove("a")
    world.advance(0.1)
    assert "" == world.reconciler.trouble
    world.advance(60)
    assert 2 == len(world.store.writes)


def test_withdrawing_one_after_the_other_as_the_connection_is_lost():
    """
    Who waits for a withdrawal goes on as soon as the connection is lost, and may withdraw more.
    """
    world = World()
    world.put("a")
    world.advance(1)

    async def withdraw_both():
        for id in "ab":
            await world.reconciler.remove(an_instance(id=id))

    withdrawing = Asked(withdraw_both())
    world.put("b")  # while the withdrawal is on its way
    assert "waits" == withdrawing.outcome
    world.store.leave(world.reconciler)
    assert None is withdrawing.outcome
    world.store.come_back()
    world.advance(2)
    assert [] == world.keys()


def test_what_was_never_sent_need_not_be_withdrawn():
    """
    An announcement that is withdrawn before its turn leaves the store alone.
    """
    world = World()
    world.store.leave(world.reconciler)
    announced = world.put("a")
    assert None is world.remove("a").outcome
    assert None is announced.outcome
    world.store.come_back()
    world.advance(1)
    assert [] == world.store.writes


def test_a_record_that_no_store_takes_is_not_sent():
    """
    A record over the store's limit is refused with its size.
    """
    world = World()
    with pytest.raises(RegistryError, match=r"bytes; a test's store takes 4096 at most"):
        world.reconciler.put(an_instance(tags={"notes": "x" * 5000})).send(None)
    assert [] == world.store.writes


def test_a_stop_takes_everything_back():
    """
    A stop hands the store all that it may hold, and nobody waits any longer.
    """
    world = World()
    world.put("a")
    world.advance(1)
    world.store.faults = ["lost"] * 9
    waiting = world.put("b")
    world.advance(1)
    world.stop()
    assert None is waiting.outcome
    assert [("demo.Greeter", "a"), ("demo.Greeter", "b")] == sorted(world.store.ended)
    world.advance(30)
    assert [] == world.clock.getDelayedCalls()


def test_nothing_is_announced_after_a_stop():
    """
    Whoever tries is told so, and does not wait for ever.
    """
    for id in ("", "a"):
        world = World()
        if id:
            world.put(id)
            world.advance(1)
        world.stop()
        late = world.put("b")
        assert "announcing in a test's store was stopped" == late.outcome
        world.advance(10)
        assert [] == [id for _, id in world.store.held if id == "b"]


def test_cleans_up_when_nothing_is_left_to_write():
    """
    What the store has left behind is removed once all is written, not before.
    """
    world = World()
    world.put("a")
    world.clock.advance(0.015)
    assert 0 == world.store.cleaned
    world.advance(1)
    assert 1 <= world.store.cleaned


def test_says_the_same_seldom():
    """
    A store that fails for an hour costs a log line a minute, and they say how many more.
    """
    world = World()
    world.store.faults = ["lost"] * 10_000
    lines = []
    globalLogPublisher.addObserver(lines.append)
    try:
        world.put("a")
        world.clock.pump([0.5] * 7200)
    finally:
        globalLogPublisher.removeObserver(lines.append)
    about = [line for line in lines if "is tried again" in line.get("log_format", "")]
    assert 55 <= len(about) <= 61
    assert about[-1]["withheld"] > 20
