"""
The limit that follows latency.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.status import Status
from rpcfw.testing.contracts.limiter import LimiterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_limiters.adaptive import Adaptive, AdaptiveOptions


def limiter(clock=None, **over):
    fields = {
        "per": ("caller",),
        "max_keys": 100,
        "retry_after": 0.1,
        "min_limit": 3,
        "max_limit": 1000,
        "window": 0.1,
        "latency_buffer": 0.25,
        "measure_interval": 60.0,
    }
    return Adaptive(AdaptiveOptions(**{**fields, **over}), plugin_context(clock))


class TestAdaptiveContract(LimiterContract):
    def make(self):
        return limiter()


class Served:
    """
    A limit, and how long calls take that do not wait for others.
    """

    def __init__(self, call_s=0.01, **over):
        self.clock = Clock()
        self.limit = limiter(self.clock, **over).limit()
        self.call_s = call_s


def ideal(served, calls=60):
    """
    Have the ideal latency measured: single calls that take as long as they must.
    """
    for _ in range(calls):
        assert served.limit.enter() is None
        began_at = served.clock.seconds()
        served.clock.advance(served.call_s)
        served.limit.left(began_at, Status.OK)


def window(served, latency_s):
    """
    Make one window of calls with this latency, as many in flight as may be.
    """
    count = 0
    while served.limit.enter() is None:
        count += 1
    served.clock.advance(latency_s)
    for number in range(count):
        if number == count - 1:  # it ends the window
            served.clock.advance(0.1)
        served.limit.left(served.clock.seconds() - latency_s, Status.OK)


def test_it_begins_low():
    """
    Until the ideal latency is known, as few calls as the least limit are in flight.
    """
    served = Served()
    assert 3 == served.limit.max_calls
    ideal(served, 49)
    assert 3 == served.limit.max_calls


def test_it_grows_while_calls_are_fast():
    """
    Calls of the ideal latency let the limit grow, while it is in use.
    """
    served = Served()
    ideal(served)
    limits = []
    for _ in range(10):
        window(served, 0.01)
        limits.append(served.limit.max_calls)
    assert limits == sorted(limits)
    assert limits[-1] > 30


def test_it_does_not_grow_unused():
    """
    A limit of which less than half is used stays what it is.
    """
    served = Served()
    ideal(served)
    for _ in range(5):
        window(served, 0.01)
    before = served.limit.max_calls
    ideal(served, 500)
    assert before == served.limit.max_calls


def test_it_falls_when_calls_are_slow():
    """
    Calls that take four times the ideal latency halve the limit, but for its square root.
    """
    served = Served()
    ideal(served)
    for _ in range(12):
        window(served, 0.01)
    before = served.limit.max_calls
    window(served, 0.04)
    after = served.limit.max_calls
    assert before / 2 <= after < before * 0.7


def test_failures_that_come_at_once_are_no_samples():
    """
    Failures do not look like fast calls; calls out of time count as slow ones.
    """
    served = Served()
    for _ in range(100):
        served.limit.enter()
        served.limit.left(served.clock.seconds(), Status.UNAVAILABLE)
    assert 3 == served.limit.max_calls
    ideal(served)
    for _ in range(12):
        window(served, 0.01)
    before = served.limit.max_calls
    for _ in range(before):
        served.limit.enter()
    served.clock.advance(0.05)
    for number in range(before):
        if number == before - 1:
            served.clock.advance(0.1)
        served.limit.left(served.clock.seconds() - 0.05, Status.DEADLINE_EXCEEDED)
    assert served.limit.max_calls < before * 0.7


def test_the_ideal_latency_is_measured_anew():
    """
    After the interval the limit is the least one for a while, then what it was before.

    Calls that began before the measurement say nothing in it.
    """
    served = Served(measure_interval=60.0)
    ideal(served)
    for _ in range(12):
        window(served, 0.01)
    before = served.limit.max_calls
    early = served.clock.seconds()
    served.limit.enter()
    served.clock.advance(80)
    window(served, 0.01)
    assert 3 == served.limit.max_calls
    served.limit.left(early, Status.OK)
    ideal(served)
    assert served.limit.max_calls >= before
    window(served, 0.01)
    assert served.limit.max_calls >= before


def test_slow_methods_are_measured_too():
    """
    A measurement ends after a second, even if few calls have ended.
    """
    served = Served(call_s=0.5)
    ideal(served, 5)
    window(served, 0.5)
    assert served.limit.max_calls > 3


def test_a_measurement_begins_with_the_first_call():
    """
    The first calls after an idle time are not enough for a measurement that began before it.
    """
    served = Served()
    served.clock.advance(3600)
    ideal(served, 10)
    window(served, 0.01)
    assert 3 == served.limit.max_calls
    ideal(served, 40)
    window(served, 0.01)
    assert served.limit.max_calls > 3
