"""
Many deadlines on few clock calls.
"""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from rpcfw.spi.runtime.timers import Timers

GRAIN_S = 0.005


class Deadline:
    """
    Notes when it was told, and does then what a test wants.
    """

    def __init__(self, clock: Clock, then=None) -> None:
        self.clock = clock
        self.then = then
        self.told: list[float] = []

    def expire(self) -> None:
        self.told.append(self.clock.seconds())
        if self.then is not None:
            self.then()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timers(clock) -> Timers:
    return Timers(clock)


def pump(clock: Clock, until: float) -> None:
    """
    Move the clock in steps smaller than a grain, as a reactor would.
    """
    while clock.seconds() < until:
        clock.advance(0.001)


@given(st.lists(st.tuples(st.floats(0, 0.2), st.floats(0, 0.2)), max_size=20))
def test_never_early_and_a_grain_late_at_most(times):
    """
    Each deadline is told once, not before its time and no more than a grain after it.
    """
    clock = Clock()
    timers = Timers(clock, GRAIN_S)
    watched = []

    def watch(wait: float) -> None:
        deadline = Deadline(clock)
        watched.append((clock.seconds() + wait, deadline))
        timers.watch(clock.seconds() + wait, deadline)

    for start, wait in times:
        clock.callLater(start, watch, wait)
    pump(clock, 0.5)

    assert len(times) == len(watched)
    for when, deadline in watched:
        (told,) = deadline.told
        assert when - 1e-9 <= told <= when + GRAIN_S + 0.001 + 1e-9


def test_what_is_forgotten_stays_silent(clock, timers):
    """
    A deadline that was taken back is not told.
    """
    kept, forgotten = Deadline(clock), Deadline(clock)
    timers.watch(1.0, kept)
    timers.watch(1.0, forgotten)
    timers.forget(1.0, forgotten)
    clock.advance(2)

    assert (1, 0) == (len(kept.told), len(forgotten.told))


def test_forgetting_is_harmless(clock, timers):
    """
    What was told, or never watched, can be forgotten all the same.
    """
    deadline = Deadline(clock)
    timers.forget(1.0, deadline)
    timers.watch(1.0, deadline)
    clock.advance(2)
    timers.forget(1.0, deadline)
    timers.forget(1.0, deadline)

    assert len(deadline.told) == 1


def test_an_earlier_deadline_overtakes(clock, timers):
    """
    A deadline that is watched later and comes earlier is told in its own time.
    """
    late, early = Deadline(clock), Deadline(clock)
    timers.watch(10.0, late)
    timers.watch(1.0, early)
    pump(clock, 1.01)

    assert (1, 0) == (len(early.told), len(late.told))
    clock.advance(10)
    assert len(late.told) == 1


def test_a_deadline_set_by_an_expiry_hides_none(clock, timers):
    """
    What an expiring deadline watches for does not delay those that come before it.
    """
    between = Deadline(clock)
    first = Deadline(clock, lambda: timers.watch(20.0, Deadline(clock)))
    timers.watch(1.0, first)
    timers.watch(2.0, between)
    pump(clock, 2.01)

    assert len(between.told) == 1


def test_an_expiry_can_make_another_be_forgotten(clock, timers):
    """
    Two deadlines of one moment: if the first that is told takes the other back, that is that.
    """
    deadlines: list[Deadline] = []

    def forget_all() -> None:
        for deadline in deadlines:
            timers.forget(1.0, deadline)

    deadlines += [Deadline(clock, forget_all) for _ in range(5)]
    for deadline in deadlines:
        timers.watch(1.0, deadline)
    clock.advance(2)

    assert sum(len(deadline.told) for deadline in deadlines) == 1


def test_one_that_raises_does_not_stop_the_rest(clock, timers):
    """
    A deadline that raises costs nobody else theirs, neither of this moment nor later ones.
    """

    def fail() -> None:
        raise ZeroDivisionError

    same, later = [Deadline(clock) for _ in range(20)], Deadline(clock)
    timers.watch(1.0, Deadline(clock, fail))
    for deadline in same:
        timers.watch(1.0, deadline)
    timers.watch(2.0, later)
    with pytest.raises(ZeroDivisionError):
        clock.advance(1.5)
    pump(clock, 2.5)

    assert {1} == {len(deadline.told) for deadline in [*same, later]}


def test_a_time_that_is_past(clock, timers):
    """
    A deadline that is over already is told soon, not at once and not never.
    """
    clock.advance(100)
    deadline = Deadline(clock)
    timers.watch(3.0, deadline)

    assert [] == deadline.told
    clock.advance(0)
    assert len(deadline.told) == 1


def test_few_clock_calls(clock, timers):
    """
    A thousand deadlines of about the same time are one delayed call.
    """
    for _ in range(1000):
        timers.watch(3.0, Deadline(clock))

    assert len(clock.getDelayedCalls()) == 1


def test_nothing_is_left_behind(clock, timers):
    """
    When all deadlines are over, none is kept and the clock is left alone.
    """
    kept = []
    for number in range(100):
        deadline = Deadline(clock)
        timers.watch(number / 50, deadline)
        if number % 2:
            timers.forget(number / 50, deadline)
        kept.append(weakref.ref(deadline))
    del deadline
    pump(clock, 2.1)
    gc.collect()

    assert [] == clock.getDelayedCalls()
    assert {None} == {deadline() for deadline in kept}


def test_seconds_are_the_clocks(clock, timers):
    """
    The time that deadlines are on is the clock's.
    """
    clock.advance(7)

    assert timers.seconds() == 7.0


def test_stop_leaves_nothing_with_the_clock():
    """
    After a stop the clock has nothing left to call, and nothing expires.
    """
    clock = Clock()
    timers = Timers(clock)
    expired = []

    class Late:
        def expire(self):
            expired.append(self)

    timers.watch(5.0, Late())
    timers.watch(1.0, Late())
    timers.stop()

    assert [] == clock.getDelayedCalls()
    clock.advance(10)
    assert [] == expired


def test_an_earlier_deadline_takes_the_clock_over():
    """
    However many deadlines there are, the clock holds one call for the next of them.
    """
    clock = Clock()
    timers = Timers(clock)

    class Never:
        def expire(self):
            raise AssertionError

    for when in range(50, 10, -1):
        timers.watch(float(when), Never())

    assert 1 == len(clock.getDelayedCalls())


def test_stop_from_within():
    """
    What expires may stop the timers: nothing else expires then, and nothing breaks.
    """
    clock = Clock()
    timers = Timers(clock)
    expired = []

    class Last:
        def expire(self):
            expired.append(self)
            timers.stop()

    timers.watch(1.0, Last())
    timers.watch(1.0, Last())
    clock.advance(10)

    assert 1 == len(expired)
    assert [] == clock.getDelayedCalls()


def test_no_clock_is_asked_for_more_than_a_day():
    """
    Systems cannot wait for a month at once; the deadline is kept all the same.
    """
    clock = Clock()
    timers = Timers(clock)
    deadline = Deadline(clock)
    month_s = 31 * 86_400.0
    timers.watch(month_s, deadline)
    while not deadline.told:
        (call,) = clock.getDelayedCalls()
        assert call.getTime() - clock.seconds() <= 86_400
        clock.advance(call.getTime() - clock.seconds())

    assert month_s <= deadline.told[0] <= month_s + 1.1


def test_far_deadlines_share_buckets():
    """
    An hour of streams that are opened and forgotten leaves little behind.
    """
    clock = Clock()
    timers = Timers(clock)

    class Never:
        def expire(self):
            raise AssertionError

    one = Never()
    for _ in range(10_000):
        timers.watch(clock.seconds() + 3600, one)
        timers.forget(clock.seconds() + 3600, one)
        clock.advance(0.01)

    assert len(timers._buckets) < 110  # noqa: SLF001 - what is kept is what counts
    assert not any(timers._buckets.values())  # noqa: SLF001


def test_forgotten_deadlines_do_not_wake_the_process():
    """
    A client that makes a call now and then is not woken at the deadline of each.
    """
    woken = []

    class Counted(Clock):
        def callLater(self, delay, call, *args):  # noqa: N802 - Twisted's
            return super().callLater(delay, lambda: (woken.append(delay), call(*args)))

    clock = Counted()
    timers, kept = Timers(clock), Deadline(clock)
    timers.watch(100.0, kept)
    for _ in range(1000):
        call = Deadline(clock)
        timers.watch(clock.seconds() + 3.0, call).discard(call)
        clock.advance(0.05)
        assert [] == call.told
    clock.advance(60.0)

    assert len(woken) < 25
    assert 1 == len(kept.told)


@pytest.mark.parametrize("after_s", [59, 60, 61, 3600])
def test_far_deadlines_are_kept(after_s):
    """
    A far deadline fires no more than a second late, and never early.
    """
    clock = Clock()
    timers = Timers(clock)
    told = []
    when = clock.seconds() + after_s + 0.123

    class Told:
        def expire(self):
            told.append(self)

    timers.watch(when, Told())
    clock.advance(after_s + 0.1)
    assert [] == told
    clock.advance(1.1)

    assert 1 == len(told)
