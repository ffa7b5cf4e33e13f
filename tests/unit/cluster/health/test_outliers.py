"""
Which nodes are ejected for their rates.
"""

from __future__ import annotations

import pytest

from rpcfw.cluster.health.availability import Availability
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.outliers import outliers
from rpcfw.kernel.settings import options_of


def found(rates, calls=200, **options):
    """
    Return the indexes of the nodes that are ejected, of nodes with these percentages of success.
    """
    nodes = {}
    for index, percent in enumerate(rates):
        nodes[index] = one = Availability()
        one.sample(0, 0)
        one.sample(calls, calls * (100 - percent) // 100)
    return outliers(nodes, options_of(HealthOptions, **options))


def test_a_low_rate():
    """
    A node whose rate is below the limit is found, the worst first.
    """
    assert [1] == found([100, 85, 100])
    assert [] == found([100, 90, 100])
    assert [0, 4] == found([10, 100, 100, 100, 50, 100], deviations="0")


def test_few_calls_say_nothing():
    """
    Without a least number of calls there is no rate.
    """
    assert [] == found([100, 0, 100], calls=19)
    assert [1] == found([100, 0, 100], calls=20)


def test_what_all_have_is_the_fault_of_none():
    """
    A node must be clearly worse than all others together.

    One that hides behind a worse one is found when that one is ejected.
    """
    assert [] == found([50, 55, 60])
    assert [] == found([0, 0, 0])
    assert [2] == found([80, 80, 60])
    assert [0] == found([10, 100, 50])
    assert [1] == found([100, 50])


def test_the_only_node():
    """
    With nobody to compare it with, the limit decides.
    """
    assert [0] == found([80])


@pytest.mark.parametrize(("count", "expected"), [(4, []), (5, [0]), (10, [0])])
def test_far_below_the_mean(count, expected):
    """
    With five nodes and more, the mean and the deviation find what the limit leaves.

    One node of ten at 92 %, the others at 100 %: the mean is 99.2 %, the deviation 2.4 %.
    """
    rates = [92, *[100] * (count - 1)]
    assert expected == found(rates, deviations="1.9")
    assert [] == found(rates, deviations="0")
    assert [] == found(rates, calls=99)


def test_small_differences_are_none():
    """
    If the rates are nearly equal, a small one is an outlier of statistics only.
    """
    assert [] == found([98, *[100] * 20])
