"""
State: nodes are scored by their health.
"""

from __future__ import annotations

from rpcfw.testing.candidates import candidates
from rpcfw.testing.contracts.collector import CollectorContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.node_health import NodeHealth
from rpcfw_collectors.state import State, StateOptions


def state() -> State:
    return State(StateOptions(weight=1.0, sub_healthy=0.2), plugin_context())


class TestStateContract(CollectorContract):
    def make(self):
        return state()


def test_the_worse_the_lower():
    """
    A healthy node scores 1, a sub-healthy one what the option says, a dead one 0.
    """
    given = candidates(a=1, b=1, c=1)
    given[1].health = NodeHealth.SUB_HEALTHY
    given[2].health = NodeHealth.DEAD

    assert [1.0, 0.2, 0.0] == [*state().scores(given)]
