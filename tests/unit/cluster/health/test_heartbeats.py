"""
The heartbeats of one node: when it is pinged, and what is missed.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from rpcfw.cluster.health.heartbeats import Heartbeats
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.kernel.settings import options_of

TICK_S = 0.125


class Peer:
    """
    One connection of which the test says what comes.
    """

    def __init__(self):
        self.alive_at = 0.0
        self.begun = 0
        self.failed = 0
        self.listeners = {}
        self.pings = []
        self.now = 0.0
        self.answers = True
        #: Until then what was written before a ping is on its way.
        self.delivered_at = 0.0

    def ping(self):
        self.pings.append(self.now)

    def delivery(self):
        return self

    def progresses(self):
        return self.now < self.delivered_at

    def call(self):
        """
        Have a call open that is never answered.
        """
        self.begun += 1
        self.listeners[self.begun] = None

    def answer(self):
        self.listeners.popitem()
        self.alive_at = self.now


class World:
    def __init__(self, *, limited=False, often=False, **options):
        self.peer = Peer()
        self.beats = Heartbeats(options_of(HealthOptions, **options), limited, 0.0)
        self.often = often

    def advance(self, seconds, *, overran=False):
        """
        Look once a tick; a ping is answered within one.
        """
        peer = self.peer
        for _ in range(round(seconds / TICK_S)):
            peer.now += TICK_S
            if peer.answers and self.beats.unanswered:
                peer.alive_at = peer.now
            self.beats.look([peer], peer.now, often=self.often, overran=overran)
            overran = False
        return self.beats


def test_a_busy_node_is_not_pinged():
    """
    Every byte is a heartbeat.
    """
    world = World()
    world.peer.call()
    for _ in range(100):
        world.peer.call()
        world.peer.answer()
        world.advance(TICK_S)
    assert [] == world.peer.pings
    assert 0 == world.beats.missed


def test_a_silent_node_with_calls():
    """
    It gets one ping when a heartbeat is due, and each interval without a byte is missed.
    """
    world = World()
    world.peer.answers = False
    world.peer.call()
    assert [0, 0, 1, 1, 2] == [world.advance(TICK_S * each).missed for each in (2, 1, 1, 1, 1)]
    assert 9 == world.advance(1.75).missed
    assert [0.25] == world.peer.pings


def test_a_large_message_before_the_ping():
    """
    While the peer's system takes it bit by bit, nothing is missed; only what comes after counts.
    """
    world = World()
    world.peer.answers = False
    world.peer.delivered_at = 20.0
    world.peer.call()
    assert 0 == world.advance(19.75).missed
    assert 8 <= world.advance(2.25).missed <= 9


def test_one_byte_ends_what_was_missed():
    """
    Heartbeats count as missed only if they are missed in a row.
    """
    world = World()
    world.peer.answers = False
    world.peer.call()
    assert 2 == world.advance(0.75).missed
    world.peer.answers = True
    assert 0 == world.advance(TICK_S).missed


def test_a_long_call_is_pinged_less_and_less():
    """
    While it answers, and nothing else is begun, the interval doubles up to that of idle nodes.
    """
    world = World()
    world.peer.call()
    world.advance(60)
    gaps = [later - sooner for sooner, later in pairwise(world.peer.pings)]
    assert 0.25 == world.peer.pings[0]
    assert [0.625, 1.125, 2.125, 4.125, 8.125, 10.125] == gaps[:6]
    assert 8 < len(gaps) < 12
    world.peer.call()
    before = world.peer.now
    world.advance(0.5)
    assert world.peer.pings[-1] - before <= 0.5


def test_an_idle_node():
    """
    Without calls it is pinged once in a while, or never.
    """
    for option, pings in (("10s", 5), ("0s", 0)):
        world = World(idle_heartbeat=option)
        world.advance(60)
        assert pings == len(world.peer.pings)


def test_an_attempt_that_overran_its_time():
    """
    The node is pinged at once, although its calls are not open any more.
    """
    world = World()
    world.advance(TICK_S)
    world.advance(TICK_S, overran=True)
    assert [0.25] == world.peer.pings
    world.advance(TICK_S, overran=True)
    assert 1 == len(world.peer.pings)


def test_a_sub_healthy_node_is_pinged_often():
    """
    Its answers in a row are counted, one for each interval; a missed one starts again.
    """
    world = World(often=True)
    assert 3 <= world.advance(2).answered <= 8
    world.peer.answers = False
    assert 0 == world.advance(1.5).answered


def test_what_comes_by_itself_is_an_answer():
    """
    A sub-healthy node with calls needs no pings to recover.
    """
    world = World(often=True)
    for _ in range(16):
        world.peer.call()
        world.peer.answer()
        world.advance(TICK_S)
    assert [] == world.peer.pings
    assert 7 <= world.beats.answered <= 8


@pytest.mark.parametrize("often", [False, True])
def test_a_server_that_counts_pings(often):
    """
    It gets two pings until a call on it succeeds, and then two again.
    """
    world = World(limited=True, often=often)
    world.peer.call()
    world.advance(60)
    assert 2 == len(world.peer.pings)
    world.peer.answer()
    world.peer.call()
    world.advance(60)
    assert 4 == len(world.peer.pings)


def test_a_server_that_counts_pings_is_not_pinged_while_idle():
    """
    It would have a reason to close the connection.
    """
    world = World(limited=True)
    world.advance(100)
    assert [] == world.peer.pings


def test_a_node_that_may_not_be_pinged_recovers():
    """
    Time without a fault counts as answers then.
    """
    world = World(limited=True, often=True)
    world.advance(10)
    assert 2 == len(world.peer.pings)
    assert world.beats.answered > 20


def test_the_time_of_this_process_is_excused():
    """
    What this side could not read in time is not missed.
    """
    world = World()
    world.peer.answers = False
    world.peer.call()
    world.advance(0.25)
    world.peer.now += 5
    world.beats.excuse(5)
    assert 0 == world.advance(TICK_S).missed


def test_an_answer_before_this_process_paused():
    """
    An answer that came before the pause is one, so another ping may follow.
    """
    world = World()
    world.peer.answers = False
    world.peer.call()
    world.advance(0.25)
    world.peer.now += 0.01
    world.peer.alive_at = world.peer.now
    world.peer.now += 1
    world.beats.excuse(1)
    world.advance(TICK_S)
    assert 2 == len(world.peer.pings)
