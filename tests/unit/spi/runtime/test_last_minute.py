"""
Rates and percentiles of the last minute.
"""

from __future__ import annotations

import tracemalloc

import pytest
from twisted.internet.task import Clock

from rpcfw.spi.runtime.last_minute import LastMinute
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.values.method_rates import MethodRates


class Calls:
    """
    A meter with calls of some methods, and a clock.
    """

    def __init__(self) -> None:
        self.clock, self.meter = Clock(), Meter()
        self.last_minute = LastMinute(self.meter, self.clock)

    def end(self, method: str, took_s: float, status: str = "OK", side: str = "server") -> None:
        names = ("demo.Shop", method)
        ended = self.meter.counter(f"rpcfw_{side}_calls_total", "", "service", "method", "status")
        ended.of(*names, status).value += 1
        seconds = self.meter.histogram(f"rpcfw_{side}_call_seconds", "", "service", "method")
        seconds.of(*names).observe(took_s)

    def open(self, method: str, count: int) -> None:
        gauge = self.meter.gauge("rpcfw_server_calls_in_flight", "", "service", "method")
        gauge.of("demo.Shop", method).value = count
        names = ("service", "method")
        self.meter.histogram("rpcfw_server_call_seconds", "", *names).of("demo.Shop", method)

    def advance(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)

    @property
    def only(self) -> MethodRates:
        (rates,) = self.last_minute.methods()
        return rates


def test_nothing_before_the_start() -> None:
    """
    What does not run knows nothing, and one that has started knows of no call yet.
    """
    calls = Calls()
    calls.end("get", 0.1)
    assert () == calls.last_minute.methods()
    calls.last_minute.start()
    assert () == calls.last_minute.methods()


def test_rates_and_percentiles() -> None:
    """
    Calls and errors in a second, and how long most of them took.
    """
    calls = Calls()
    calls.last_minute.start()
    for _ in range(20):
        for number in range(100):
            calls.end("get", 0.002 if number < 95 else 0.5, "OK" if number % 10 else "ABORTED")
        calls.advance(1)
    calls.open("get", 3)

    rates = calls.only
    assert ("server", "demo.Shop", "get", 3) == (
        rates.side,
        rates.service,
        rates.method,
        rates.in_flight,
    )
    assert (100.0, 10.0) == pytest.approx((rates.calls_per_s, rates.errors_per_s))
    assert (0.002, 0.002, 0.5) == pytest.approx((rates.p50_s, rates.p90_s, rates.p99_s), rel=0.21)


def test_what_is_older_is_forgotten() -> None:
    """
    Calls of more than 70 seconds ago change nothing; before 60 seconds they count.
    """
    calls = Calls()
    calls.last_minute.start()
    calls.advance(5)
    for _ in range(70):
        calls.end("get", 3.0)
    calls.advance(54)
    assert 70 == pytest.approx(calls.only.calls_per_s * 59)
    calls.advance(17)
    assert () == calls.last_minute.methods()
    calls.end("get", 0.001)
    assert 0.001 == pytest.approx(calls.only.p99_s, rel=0.21)


def test_both_sides_busiest_first() -> None:
    """
    What is called is told apart from what is served, and the busiest method comes first.
    """
    calls = Calls()
    calls.last_minute.start()
    for _ in range(3):
        calls.end("get", 0.001, side="client")
    calls.end("get", 0.001)
    calls.open("idle", 1)

    found = [(one.side, one.method) for one in calls.last_minute.methods()]
    assert [("client", "get"), ("server", "get"), ("server", "idle")] == found
    assert calls.last_minute.methods()[-1].p99_s is None


def test_memory_is_bounded() -> None:
    """
    An hour of calls takes no more memory than two minutes of them.
    """
    calls = Calls()
    calls.last_minute.start()

    def take(minutes: int) -> int:
        for _ in range(minutes * 6):
            calls.end("get", 0.1)
            calls.clock.advance(10)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early = take(2)
        # A copy that was kept for each interval would be some 300 KB.
        assert take(58) - early < 20_000
    finally:
        tracemalloc.stop()


def test_a_stop_leaves_nothing() -> None:
    """
    A stop leaves nothing with the clock; a second one does no harm.
    """
    calls = Calls()
    calls.last_minute.start()
    calls.last_minute.stop()
    calls.last_minute.stop()
    assert [] == calls.clock.getDelayedCalls()
