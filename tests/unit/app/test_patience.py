"""
A clock that lets what waits come first, when this process was late itself.
"""

from __future__ import annotations

import gc

import pytest
from twisted.internet.error import AlreadyCalled
from twisted.internet.task import Clock

from rpcfw.app.patience import PatientClock


@pytest.fixture
def time():
    return Clock()


@pytest.fixture
def clock(time):
    return PatientClock(time.seconds, time.callLater)


def test_in_time(time, clock):
    """
    What comes in time is called at once, with its arguments.
    """
    called = []
    delayed = clock.callLater(1, lambda *args, **more: called.append((args, more)), 1, a=2)
    time.advance(0.99)
    assert delayed.active()
    time.advance(0.02)

    assert [((1,), {"a": 2})] == called
    assert not delayed.active()


def test_a_late_turn_reads_first(time, clock):
    """
    After a pause what was due waits for a few turns more, and can be cancelled by them.
    """
    called = []
    kept = clock.callLater(1, called.append, "kept")
    answered = clock.callLater(2, called.append, "answered")
    time.advance(3)
    assert [] == called
    assert kept.active()
    answered.cancel()
    time.advance(0.06)

    assert ["kept"] == called
    assert not kept.active()
    assert not answered.active()


def test_it_waits_but_once(time, clock):
    """
    A process that is always late calls all the same.
    """
    called = []
    clock.callLater(1, called.append, "x")
    time.advance(3)
    time.advance(3)

    assert ["x"] == called


@pytest.mark.parametrize("delay", [0, -1e-9, -300.0])
def test_no_delay_is_negative(time, clock, delay):
    """
    What should have been before is called in the next turn; Twisted's reactor would refuse.
    """
    called = []
    clock.callLater(delay, called.append, "x")
    assert [0.0] == [call.getTime() for call in time.calls]
    time.advance(0)

    assert ["x"] == called


def test_cancelled(time, clock):
    """
    What was cancelled is not called, and leaves nothing with the reactor.
    """
    called = []
    delayed = clock.callLater(1, called.append, "x")
    delayed.cancel()
    assert [] == time.calls
    with pytest.raises(AlreadyCalled):
        delayed.cancel()
    time.advance(5)

    assert [] == called


def test_nothing_is_left_for_the_collector(time, clock):
    """
    No circle of references is left of a call that was made or cancelled, late or not.
    """
    while gc.collect():
        pass  # what earlier tests left; some of it takes more than one collection
    gc.disable()
    try:
        for delay in (1, 1, 3):
            clock.callLater(delay, int)
            clock.callLater(delay, int).cancel()
        time.advance(1)
        time.advance(9)
        time.advance(1)
        assert 0 == gc.collect()
    finally:
        gc.enable()
