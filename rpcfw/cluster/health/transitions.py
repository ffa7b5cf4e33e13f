"""
The health of a node, and how each event moves it from one state to another.

::

    HEALTHY ──LOST, MISSED,        ──► SUB_HEALTHY ──CONNECT_FAILED, SILENT──► DEAD
       ▲ │    EJECTED, NOT_SERVING       │    ▲                                ▲ │
       │ └──────────CONNECT_FAILED, SILENT────┼────────────────────────────────┘ │
       └────────────RECOVERED────────────┘    └────────────CONNECTED─────────────┘

Theory of operation. A node begins HEALTHY: nothing speaks against it. Four sources of events
find what is wrong with it:

- Its connections. A node that cannot be connected to is DEAD. One whose connection is lost is
  SUB_HEALTHY until it is connected again and has answered heartbeats. A connection that ends
  with a GOAWAY, or because it had no calls, says nothing against its node.
- Its heartbeats (`heartbeats`). They find the node that is silent: frozen, or behind a network
  that drops packets. It is SUB_HEALTHY after a few that it missed in a row, and DEAD after some
  more. Then its connections are closed, so that its calls may go elsewhere in time.
- Its calls (`availability`). They find the node that answers, and answers wrong, or only from
  time to time: its *availability rate* is below a limit, or far below that of the others
  (`outliers`). It is *ejected*: SUB_HEALTHY for a time, which grows with each ejection.
- What it says itself, if it is asked (`serving_watch`): it is SUB_HEALTHY while it says that it
  does not serve. A node that refuses calls because it has too much to do says so, too, and that
  is a failed call of its rate.

A DEAD node is connected to again in the background, with a growing delay. It comes back through
SUB_HEALTHY. It is HEALTHY when it has answered several heartbeats in a row, is not ejected, and
does not say that it does not serve.

Probers in other places, if they are asked, tell of nodes that nobody reaches (`probed_nodes`).
Such a node is DEAD as long as it is not connected here. If nothing else was wrong with it, it is
HEALTHY again when a prober reaches it.

Business errors are never counted (`rpcfw.values.outcome.Outcome.node_failed`). The calls that
are lost with a connection are one event of its node, however many they are.

Each transition makes the client route its calls again. So the table is asked about events that
are rare; what happens with each call is a number that is counted elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from rpcfw.values.node_health import NodeHealth

__all__ = ["TRANSITIONS", "HealthEvent", "follows"]


class HealthEvent(Enum):
    """
    What can be found out about a node.
    """

    CONNECTED = "a connection to it is established"
    CONNECT_FAILED = "it cannot be connected to"
    LOST = "its connection was lost"
    MISSED = "it has not answered a few heartbeats in a row"
    SILENT = "it has not answered so many heartbeats in a row that it is given up"
    EJECTED = "its availability rate is too low"
    NOT_SERVING = "it says that it does not serve"
    UNREACHED = "no prober reaches it, and it is not connected"
    REACHED = "a prober reaches it, and nothing else was wrong with it"
    RECOVERED = "it has answered several heartbeats in a row, is not ejected, and serves"


_HEALTHY = NodeHealth.HEALTHY
_SUB_HEALTHY = NodeHealth.SUB_HEALTHY
_DEAD = NodeHealth.DEAD

#: For each event the state that follows, by the state before: HEALTHY, SUB_HEALTHY, DEAD. If
#: that is the same state, the event is too late or changes nothing.
TRANSITIONS: Mapping[HealthEvent, tuple[NodeHealth, NodeHealth, NodeHealth]] = {
    HealthEvent.CONNECTED: (_HEALTHY, _SUB_HEALTHY, _SUB_HEALTHY),
    HealthEvent.CONNECT_FAILED: (_DEAD, _DEAD, _DEAD),
    HealthEvent.LOST: (_SUB_HEALTHY, _SUB_HEALTHY, _DEAD),
    HealthEvent.MISSED: (_SUB_HEALTHY, _SUB_HEALTHY, _DEAD),
    HealthEvent.SILENT: (_DEAD, _DEAD, _DEAD),
    HealthEvent.EJECTED: (_SUB_HEALTHY, _SUB_HEALTHY, _DEAD),
    HealthEvent.NOT_SERVING: (_SUB_HEALTHY, _SUB_HEALTHY, _DEAD),
    HealthEvent.UNREACHED: (_DEAD, _DEAD, _DEAD),
    HealthEvent.REACHED: (_HEALTHY, _SUB_HEALTHY, _HEALTHY),
    HealthEvent.RECOVERED: (_HEALTHY, _HEALTHY, _DEAD),
}


def follows(state: NodeHealth, event: HealthEvent) -> NodeHealth:
    """
    Return the state that follows an event.
    """
    return TRANSITIONS[event][state]
