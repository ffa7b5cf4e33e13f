"""
A running fleet moves from ZooKeeper to a group of three registry servers, over a bridge.
"""

from __future__ import annotations

import pytest

from tests.real.moved_fleet import move
from tests.requirements import require_nats, require_zookeeper

pytestmark = pytest.mark.zookeeper

#: Of each of two consumers.
RATE = 100


def test_a_fleet_moves():
    """
    Consumers and providers move one by one, and no call of a method that is not idempotent is lost.

    Meanwhile the bridge is killed, and then a server of the group.
    """
    require_zookeeper()
    require_nats()
    found = move("nats", 2, RATE, 0.5)
    assert (0, []) == (found.failed, found.texts)
    assert found.calls > 4 * RATE
