"""
Weighted random: shares follow weights.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.testing.contracts.balancer import BalancerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_balancers.weighted_random import WeightedRandom


def balancer(seed: int = 0) -> WeightedRandom:
    return WeightedRandom(NoOptions(), plugin_context(random=Random(seed)))


class TestWeightedRandomContract(BalancerContract):
    def make(self):
        return balancer()


class Highest:
    """
    Chance that always draws the very end of the line.
    """

    def random(self) -> float:
        return 1 - 2**-53

    def randrange(self, stop: int, /) -> int:
        return stop - 1


def picked(given, count: int, tried=()) -> Counter[str]:
    """
    Return how often each id was picked.
    """
    picker = balancer().picker(given)
    call = a_call(tried=tuple(tried))
    return Counter(picker.pick(call).instance.id for _ in range(count))


@pytest.mark.parametrize(
    "weights", [{"a": 1, "b": 1, "c": 1}, {"a": 5, "b": 3, "c": 2}, {"a": 990, "b": 10}]
)
def test_shares_follow_weights(weights):
    """
    Each candidate gets its share of the calls, within a hundredth of all.
    """
    count = 20_000
    counts = picked(candidates(**weights), count)

    for name, weight in weights.items():
        assert abs(counts[name] / count - weight / sum(weights.values())) < 0.01


def test_shares_of_a_retry_follow_weights():
    """
    The candidates that a call has not tried share the retries by their weights too.
    """
    given = candidates(a=10_000, b=30, c=10)
    counts = picked(given, 4_000, tried=given[:1])

    assert {"b", "c"} == set(counts)
    assert 2.5 < counts["b"] / counts["c"] < 3.5


@pytest.mark.parametrize("weights", [{"a": 1, "b": 1}, {"a": 3, "b": 10**30}, {"a": 7}])
def test_the_end_of_the_line(weights):
    """
    The highest number that chance can give picks the last candidate, none beyond it.
    """
    given = candidates(**weights)
    picker = WeightedRandom(NoOptions(), plugin_context(random=Highest())).picker(given)

    assert picker.pick(a_call()) is given[-1]
    assert picker.pick(a_call(tried=(given[-1],))) is (given[0] if len(given) > 1 else None)
