"""
The breaker that judges by the share of failures in a window.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.testing.contracts.breaker import BreakerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_breakers.failure_rate import FailureRate, FailureRateOptions


def breaker(clock=None, **over):
    fields = {
        "open_time": 5.0,
        "max_open_time": 60.0,
        "open_jitter": 0.2,
        "max_probes": 1,
        "closing_probes": 2,
        "statuses": ("UNAVAILABLE", "DEADLINE_EXCEEDED"),
        "failure_rate": 0.5,
        "min_calls": 20,
        "window": 10.0,
    }
    return FailureRate(FailureRateOptions(**{**fields, **over}), plugin_context(clock))


class TestFailureRateContract(BreakerContract):
    def make(self):
        return breaker()


def test_the_share():
    """
    It opens at the share of failures, and not below.
    """
    detector = breaker().detector()
    for _ in range(11):
        detector.succeeded()
    assert [""] * 10 == [detector.failed() for _ in range(10)]
    assert "11 of 22 attempts in 10 s failed" == detector.failed()


def test_few_attempts_say_nothing():
    """
    Below the least number of attempts it stays closed, even if all have failed.
    """
    detector = breaker().detector()
    assert [""] * 19 == [detector.failed() for _ in range(19)]
    assert "20 of 20 attempts in 10 s failed" == detector.failed()


def test_the_window_slides():
    """
    What is older than the window counts no more; what is younger does.
    """
    clock = Clock()
    detector = breaker(clock).detector()
    for _ in range(10):
        detector.failed()
    clock.advance(9)
    for _ in range(9):
        detector.failed()
    clock.advance(1.5)
    assert "" == detector.failed()  # 10 are left
    clock.advance(1000)
    assert [""] * 19 == [detector.failed() for _ in range(19)]


def test_the_window_is_taken_over():
    """
    With another share, the attempts of the window still count.
    """
    before, after = breaker().detector(), breaker(failure_rate=0.1).detector()
    for _ in range(18):
        before.succeeded()
    before.failed()
    after.take_over(before)
    assert "2 of 20 attempts in 10 s failed" == after.failed()
