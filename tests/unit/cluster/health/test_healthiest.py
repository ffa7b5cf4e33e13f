"""
Healthy nodes first, and the panic rule.
"""

from __future__ import annotations

import pytest

from rpcfw.cluster.health.healthiest import healthiest
from rpcfw.testing.candidates import candidate
from rpcfw.values.node_health import NodeHealth


def nodes(healthy, sick, weight=100):
    made = [candidate(f"h{n}") for n in range(healthy)]
    for n in range(sick):
        one = candidate(f"s{n}", weight)
        one.health = NodeHealth.SUB_HEALTHY
        made.append(one)
    return made


@pytest.mark.parametrize(
    ("healthy", "sick", "left"),
    [(3, 0, 3), (2, 1, 2), (1, 1, 1), (1, 2, 3), (5, 5, 5), (4, 6, 10), (0, 3, 3), (0, 0, 0)],
)
def test_the_panic_rule(healthy, sick, left):
    """
    Sub-healthy nodes are used if less than half of all are healthy.
    """
    assert left == len(healthiest(nodes(healthy, sick), 0.5))


def test_exactly_the_share_is_healthy():
    """
    With 55 % of 20 nodes healthy, 55 % are enough: as floats, 0.55 x 20 is more than 11.
    """
    assert 11 == len(healthiest(nodes(11, 9), 0.55))


def test_what_is_drained_does_not_count():
    """
    Nodes of weight 0 get no calls, healthy or not.
    """
    assert 1 == len(healthiest(nodes(1, 5, weight=0), 0.5))
    drained = candidate("d", 0)
    assert 3 == len(healthiest([drained, *nodes(0, 2)], 0.0))
