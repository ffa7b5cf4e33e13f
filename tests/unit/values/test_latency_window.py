"""
Latencies over a sliding window, in buckets.
"""

from __future__ import annotations

from random import Random

import pytest

from rpcfw.values.latency_window import LatencyWindow

WINDOW_S = 10.0


def window(*latencies_s: float) -> LatencyWindow:
    made = LatencyWindow(0.0)
    for each in latencies_s:
        made.add(each, 0.0, WINDOW_S)
    return made


def test_the_mean_is_exact():
    """
    The mean is not rounded to buckets.
    """
    assert 0.02 == pytest.approx(window(0.01, 0.02, 0.03).mean_s)


@pytest.mark.parametrize("share", [0.5, 0.99, 0.999])
def test_percentiles(share):
    """
    A percentile is exact to 10 %, from tens of microseconds to minutes.
    """
    random = Random(7)
    values = sorted(10 ** random.uniform(-4.5, 2) for _ in range(5000))
    exact = values[int(share * len(values)) - 1]

    assert window(*values).percentile_s(share) == pytest.approx(exact, rel=0.1)


def test_the_percentile_of_one():
    """
    With a single latency all percentiles are that.
    """
    for share in (0.5, 0.99, 0.999):
        assert window(0.25).percentile_s(share) == pytest.approx(0.25, rel=0.1)


@pytest.mark.parametrize("latency_s", [0.0, 1e-9, 1e9])
def test_what_is_out_of_range(latency_s):
    """
    What is shorter or longer than all buckets is in the first or the last one.
    """
    assert 1e-5 <= window(latency_s).percentile_s(0.99) < 200


def test_it_slides():
    """
    After half a window the older half is kept, and after a whole one it is gone.
    """
    found = window(1.0)
    found.add(0.01, 5.0, WINDOW_S)
    assert 2 == found.count
    found.add(0.01, 10.0, WINDOW_S)
    assert 2 == found.count
    assert 0.01 == pytest.approx(found.mean_s)


def test_after_a_pause_nothing_is_left():
    """
    What is older than the window is forgotten at once, not half by half.
    """
    found = window(1.0, 1.0)
    found.forget(10.0, WINDOW_S)

    assert 0 == found.count
