"""
The clock of a process, whatever the time of day.
"""

from __future__ import annotations

import pytest
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock

from rpcfw.app import steady
from rpcfw.app.steady import clock_of, time_of_day_of


class FakeTime:
    """
    The system's clocks: ``day`` is what somebody sets, ``up`` goes on by itself.
    """

    def __init__(self):
        self.day = 1_700_000_000.0
        self.up = 50.0

    def time(self):
        return self.day

    def monotonic(self):
        return self.up

    def passes(self, seconds):
        self.day += seconds
        self.up += seconds


@pytest.fixture
def system(monkeypatch):
    fake = FakeTime()
    monkeypatch.setattr(steady, "time", fake)
    # One object, as the function of the system is.
    fake.time = fake.time
    monkeypatch.setattr(steady, "reactors_seconds", fake.time)
    return fake


@pytest.fixture
def reactor(system):
    """
    A reactor that nobody runs, by the system's time of day.
    """
    reactor = SelectReactor()
    reactor.seconds = system.time
    yield reactor
    reactor.removeAll()
    reactor.waker.connectionLost(None)


@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_delays_last_as_long_as_they_should(system, reactor, step_s):
    """
    What is called later is called then, though the time of day was set meanwhile.
    """
    called = []
    clock = clock_of(reactor)
    clock.callLater(4, called.append, "ours")
    reactor.callLater(4, called.append, "theirs")
    system.day += step_s
    system.passes(3.9)
    reactor.runUntilCurrent()
    assert [] == called
    assert 0 < reactor.timeout() < 0.2
    system.passes(0.11)
    reactor.runUntilCurrent()

    assert ["ours", "theirs"] == called


def test_what_was_scheduled_before(system, reactor):
    """
    Delayed calls of whoever had the reactor first stay due when they were.
    """
    called = []
    before = reactor.callLater(4, called.append, "before")
    moved = reactor.callLater(4, called.append, "moved")
    clock_of(reactor)
    assert system.day + 4 == pytest.approx(before.getTime())
    moved.reset(8)
    system.passes(4.01)
    reactor.runUntilCurrent()
    assert ["before"] == called
    system.passes(4)
    reactor.runUntilCurrent()

    assert ["before", "moved"] == called


def test_the_reactor_still_tells_a_date(system, reactor):
    """
    Who writes the reactor's seconds as a date does not write 1970.
    """
    clock_of(reactor)
    system.passes(10)

    assert system.day == pytest.approx(reactor.seconds())


def test_several_applications_on_one_reactor(system, reactor):
    """
    The reactor is changed once; its time makes no step when a second application comes.
    """
    clock_of(reactor)
    seconds = reactor.seconds
    system.day += 3600
    clock_of(reactor)

    assert seconds is reactor.seconds


def test_a_reactor_with_a_clock_of_its_own(system, reactor):
    """
    A reactor that counts by something else already is left as it is.
    """
    reactor.seconds = own = system.monotonic
    clock_of(reactor)

    assert own is reactor.seconds


def test_a_clock_is_one_already(system):
    """
    Where a test hands in a clock, that is the time, and the time of day as well.
    """
    clock = Clock()

    assert clock is clock_of(clock)
    clock.advance(7)
    assert 7 == time_of_day_of(clock)()


def test_the_time_of_day(system, reactor):
    """
    What is shown to people follows the time of day, whenever it is set.
    """
    time_of_day = time_of_day_of(reactor)
    clock_of(reactor)
    system.day += 3600

    assert system.day == time_of_day()
