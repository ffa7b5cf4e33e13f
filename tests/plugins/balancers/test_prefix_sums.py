"""
Prefix sums: each point of the line belongs to one weight.
"""

from __future__ import annotations

from random import Random

import pytest

from rpcfw_balancers.prefix_sums import PrefixSums


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 33])
def test_each_point_is_found(size):
    """
    Whatever the weights are, and were before, every point is found in the right stretch.
    """
    random = Random(size)
    sums = PrefixSums(size)
    for _ in range(50):
        sums[random.randrange(size)] = random.choice((0, 1, 2, 5))
        weights = [sums[index] for index in range(size)]
        line = [(index, into) for index in range(size) for into in range(weights[index])]

        assert len(line) == sums.total
        assert line == [sums.find(point) for point in range(sums.total)]
