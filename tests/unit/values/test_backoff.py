"""
Growing delays.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.values.backoff import Backoff

CHANCES = st.floats(0, 1, exclude_max=True)


def test_the_schedule():
    """
    The defaults are gRPC's: 1 s, times 1.6, at most 120 s.
    """
    delays = [Backoff().delay_s(failures, 0.5) for failures in (1, 2, 3, 11, 12, 1000)]

    assert [1.0, 1.6, 1.6**2, 1.6**10, 120.0, 120.0] == delays


@given(st.integers(1, 10**9), CHANCES)
def test_chance_moves_a_delay_a_little(failures, random):
    """
    Chance adds or takes at most its share, however long it has been failing.
    """
    plain = Backoff().delay_s(failures, 0.5)

    assert 0.8 * plain <= Backoff().delay_s(failures, random) <= 1.2 * plain


@given(st.floats(1, 1e6), st.floats(0.001, 10), st.floats(10, 1000))
def test_delays_grow_up_to_the_longest(factor, initial_s, max_s):
    """
    No delay is shorter than the one before, none longer than the longest.
    """
    backoff = Backoff(initial_s, factor, max_s, jitter=0)
    delays = [backoff.delay_s(failures, 0.5) for failures in range(1, 100)]

    assert all(first <= second for first, second in pairwise(delays))
    assert max(delays) <= max_s
