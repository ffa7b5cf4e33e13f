"""
The states of a node's health.
"""

from __future__ import annotations

import pytest

from rpcfw.cluster.health.transitions import TRANSITIONS, HealthEvent, follows
from rpcfw.values.node_health import NodeHealth

HEALTHY, SUB_HEALTHY, DEAD = NodeHealth


def after(*events: HealthEvent) -> NodeHealth:
    state = HEALTHY
    for event in events:
        state = follows(state, event)
    return state


def test_every_event_has_a_state_for_every_state():
    """
    No event leaves a state without a follower.
    """
    assert set(HealthEvent) == set(TRANSITIONS)
    assert {len(NodeHealth)} == {len(row) for row in TRANSITIONS.values()}


@pytest.mark.parametrize(
    "event", [HealthEvent.LOST, HealthEvent.MISSED, HealthEvent.EJECTED, HealthEvent.NOT_SERVING]
)
def test_what_is_wrong_makes_it_sub_healthy(event):
    """
    A node with a connection has something wrong, and recovers when it answers again.
    """
    assert SUB_HEALTHY == after(event)
    assert HEALTHY == after(event, HealthEvent.RECOVERED)


@pytest.mark.parametrize(
    "event", [HealthEvent.CONNECT_FAILED, HealthEvent.SILENT, HealthEvent.UNREACHED]
)
@pytest.mark.parametrize("before", NodeHealth)
def test_what_kills(event, before):
    """
    A node that cannot be connected to, or is silent, is dead, whatever it was.
    """
    assert DEAD is follows(before, event)


@pytest.mark.parametrize(
    "event", [each for each in HealthEvent if each.name not in ("CONNECTED", "REACHED")]
)
def test_the_dead_come_back_by_a_connection_only(event):
    """
    Nothing but a new connection brings a dead node back, and then it is sub-healthy.

    One that only the probers have declared dead comes back when they do not any more.
    """
    assert DEAD is follows(DEAD, event)
    assert SUB_HEALTHY is follows(DEAD, HealthEvent.CONNECTED)


def test_names_for_people():
    """
    Logs and tables show the usual words.
    """
    assert ["healthy", "sub-healthy", "dead"] == [f"{state}" for state in NodeHealth]
