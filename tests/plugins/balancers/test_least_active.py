"""
Least active: the fewest attempts in flight for its weight.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.testing.contracts.balancer import BalancerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_balancers.least_active import LeastActive, LeastActiveOptions


def balancer(choices: int = 10) -> LeastActive:
    return LeastActive(LeastActiveOptions(choices=choices), plugin_context(random=Random(0)))


class TestLeastActiveContract(BalancerContract):
    def make(self):
        return balancer()


class TestLeastActiveOfDrawnContract(BalancerContract):
    def make(self):
        return balancer(choices=2)


def test_the_fewest_in_flight():
    """
    In a small set it is always the node with the fewest attempts in flight.
    """
    given = candidates(a=100, b=100, c=100)
    for one, count in zip(given, (3, 1, 2), strict=True):
        one.in_flight = count
    picker = balancer().picker(given)

    assert all(picker.pick(a_call()) is given[1] for _ in range(100))
    assert picker.pick(a_call(tried=(given[1],))) is given[2]


def test_in_proportion_to_weights():
    """
    A node of three times the weight gets three attempts for one of the other.
    """
    given = candidates(a=300, b=100)
    picker = balancer().picker(given)
    for _ in range(40):
        picker.pick(a_call()).in_flight += 1

    assert [30, 10] == [one.in_flight for one in given]


@pytest.mark.parametrize("choices", [2, 10])
def test_idle_nodes_share_by_weight(choices):
    """
    Nodes with nothing in flight get attempts in proportion to their weights.
    """
    given = candidates(a=500, b=300, c=200)
    picker = balancer(choices).picker(given)
    counts = Counter(picker.pick(a_call()).instance.id for _ in range(20_000))

    for one in given:
        assert abs(counts[one.instance.id] / 20_000 - one.weight / 1000) < 0.015


def test_a_large_set_fills_evenly():
    """
    Of 1,000 nodes, none has more than two of 1,000 attempts when ten are compared.
    """
    given = candidates(**{f"n{number}": 100 for number in range(1000)})
    picker = balancer().picker(given)
    for _ in range(1000):
        picker.pick(a_call()).in_flight += 1

    assert max(one.in_flight for one in given) <= 2


@pytest.mark.parametrize("choices", ["1", "0", "65"])
def test_choices_that_are_refused(choices):
    """
    Fewer than two choices, or too many, are refused when the configuration is read.
    """
    with pytest.raises(SettingsError, match="must be from 2 to 64"):
        options_of(LeastActiveOptions, choices=choices)
