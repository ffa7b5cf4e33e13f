"""
Buckets, what is exported of them, and estimated percentiles.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from rpcfw.spi.runtime.histogram import (
    FINE_BOUNDS_S,
    LATENCY_BUCKETS_S,
    Exemplar,
    Histogram,
    percentile,
)


def test_exported_buckets() -> None:
    """
    A value falls under the first bound that it does not exceed, or above all of them.
    """
    histogram = Histogram()
    for value in (0.0, LATENCY_BUCKETS_S[0], 0.0002, LATENCY_BUCKETS_S[-1], 1e9):
        histogram.observe(value)

    counts = histogram.exported()
    assert (2, 1) == (counts[0], counts[1])
    assert (1, 1) == (counts[-2], counts[-1])
    assert 5 == sum(counts)
    assert len(LATENCY_BUCKETS_S) + 1 == len(counts)
    assert 1e9 == pytest.approx(histogram.total, rel=1e-6)


def test_each_bound_is_exact() -> None:
    """
    At each exported bound, the value falls under it, and the next float above it does not.
    """
    for index, bound in enumerate(LATENCY_BUCKETS_S):
        histogram = Histogram()
        histogram.observe(bound)
        histogram.observe(bound * (1 + 1e-12))
        counts = histogram.exported()
        assert (1, 1) == (counts[index], counts[index + 1])


def test_narrow_buckets() -> None:
    """
    The buckets that are counted are in order, and none is wider than 21 % of its lower bound.
    """
    pairs = pairwise(FINE_BOUNDS_S)
    assert all(1 < high / low < 1.21 for low, high in pairs)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_percentiles(share: float, seed: int) -> None:
    """
    An estimate is at most 21 % from the true value, for latencies of any kind.
    """
    chance = random.Random(seed)
    values = sorted(chance.lognormvariate(-6, seed / 2) for _ in range(2000))
    values = [min(max(value, 1e-5), 100.0) for value in values]
    histogram = Histogram()
    for value in values:
        histogram.observe(value)

    estimate = percentile(histogram.counts, share)
    assert estimate is not None
    true = values[int(share * len(values)) - 1]
    assert true / 1.21 <= estimate <= true * 1.21


def test_percentiles_at_the_ends() -> None:
    """
    Nothing has no percentile; what is above all bounds counts as the last bound.
    """
    histogram = Histogram()
    assert percentile(histogram.counts, 0.5) is None
    histogram.observe(1e9)
    assert FINE_BOUNDS_S[-1] == percentile(histogram.counts, 0.5)


def test_exemplars() -> None:
    """
    The last exemplar of each exported bucket is kept, so their number is bounded.
    """
    histogram = Histogram()
    assert histogram.exemplars is None
    for number in range(1000):
        histogram.keep(Exemplar(f"{number:032x}", "b" * 16, number / 100, float(number)))

    kept = histogram.exemplars
    assert kept is not None
    assert len(kept) <= len(LATENCY_BUCKETS_S) + 1
    assert f"{999:032x}" == kept[LATENCY_BUCKETS_S.index(10.0)].trace_id
