"""
A running fleet moves from ZooKeeper to a group of three registry servers, over a bridge.

It starts 25 processes and takes a minute, so it runs only if asked for:

    MOVED_FLEET=1 pytest tests/real/test_bridge.py

What a bridge does is tried in memory, too: tests/lab/test_bridge.py.
"""

from __future__ import annotations

import os

import pytest

from tests.real.moved_fleet import move
from tests.requirements import require_nats, require_zookeeper

pytestmark = [
    pytest.mark.zookeeper,
    pytest.mark.skipif(
        not os.environ.get("MOVED_FLEET"), reason="takes a minute; MOVED_FLEET=1 runs it"
    ),
]

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
