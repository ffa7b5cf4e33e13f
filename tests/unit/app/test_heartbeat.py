"""
The time that a process lost, measured by a beat.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.app.heartbeat import Heartbeat


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def beat(clock):
    beat = Heartbeat(clock.seconds, clock.callLater)
    beat.start()
    return beat


def passes(clock, seconds):
    """
    Let time pass in turns that come in time.
    """
    clock.pump([0.05] * round(seconds / 0.05))


def test_nothing_is_lost(clock, beat):
    """
    Turns that come in time lose nothing.
    """
    passes(clock, 20)

    assert 0 == beat.lost_s()


def test_a_pause(clock, beat):
    """
    A pause is known at once, before the reactor calls what was due, and is counted once.
    """
    clock.rightNow += 3
    before = beat.lost_s()
    clock.advance(0)
    passes(clock, 20)

    assert 3 - 0.25 <= before <= 3
    assert before == beat.lost_s()


def test_credit_is_given_once(clock, beat):
    """
    Each peer may take what was lost of late, a second once.
    """
    credit, other = beat.credit(), beat.credit()
    clock.advance(3)
    assert not credit.pays(3.1)
    assert [True, True, False] == [credit.pays(1) for _ in range(3)]
    assert other.pays(2.5)
    clock.advance(2)
    assert credit.pays(2)
    assert not credit.pays(1)


def test_credit_does_not_last(clock, beat):
    """
    What was lost long ago excuses nobody, new connections included.
    """
    credit = beat.credit()
    clock.advance(3)
    passes(clock, 4)
    assert beat.credit().pays(2.5)
    passes(clock, 8)

    assert not credit.pays(0.1)
    assert not beat.credit().pays(0.1)


def test_floods_are_excused_in_proportion(clock, beat):
    """
    Ten times what is taken at once for each second that was lost, up to five seconds.
    """
    short, long = beat.flood_credit(20), beat.flood_credit(20)
    clock.advance(1.1)
    assert 150 <= sum(short.pays_one() for _ in range(1000)) <= 220
    clock.advance(3600)
    assert 1000 == sum(long.pays_one() for _ in range(2000))


def test_stopped(clock, beat):
    """
    A beat that was stopped leaves nothing with the clock, and counts no more.
    """
    beat.start()
    assert 1 == len(clock.calls)
    beat.stop()
    assert [] == clock.calls
    clock.advance(100)

    assert 0 == beat.lost_s()
