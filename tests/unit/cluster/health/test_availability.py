"""
The availability rate over a sliding window.
"""

from __future__ import annotations

from rpcfw.cluster.health.availability import SAMPLES, Availability


def test_successes_by_calls():
    """
    The rate is that of the window, whatever was before.
    """
    one = Availability()
    one.sample(1_000, 1_000)
    one.sample(1_040, 1_010)
    assert (40, 10, 0.75) == (one.calls, one.failures, one.rate)


def test_the_window_moves_on():
    """
    What is older than the window does not count.
    """
    one = Availability()
    one.sample(0, 0)
    one.sample(100, 50)
    for _ in range(SAMPLES - 1):
        one.sample(100, 50)
    assert 0.5 == one.rate
    one.sample(100, 50)
    assert (0, 1.0) == (one.calls, one.rate)


def test_clear():
    """
    After it the window is empty, and only what comes then counts.
    """
    one = Availability()
    one.sample(0, 0)
    one.sample(100, 50)
    one.clear()
    assert 0 == one.calls
    one.sample(110, 50)
    assert (10, 1.0) == (one.calls, one.rate)


def test_failures_of_calls_that_were_begun_before():
    """
    Calls are counted when they begin, failures when they end: a rate is never below 0.
    """
    one = Availability()
    one.sample(100, 0)
    one.sample(101, 60)
    assert 0.0 == one.rate
