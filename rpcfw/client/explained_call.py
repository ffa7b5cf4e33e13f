"""
What would become of a call, as the client of its service knows it.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from rpcfw.cluster.node import Node
from rpcfw.cluster.route_explained import ExplainedRoute
from rpcfw.values.call import Call

__all__ = ["ExplainedCall"]


@frozen(eq=False)
class ExplainedCall:
    """
    A call that is not made.

    Args:
        call: as the filters would get it.
        route: where it may go.
        timeout_s: time limit of the whole call; infinite for no limit.
        error: what it would fail with, as no node is left; else empty.
        breakers: the state of the breaker of each node that has one.
        refusing: the nodes whose breaker would refuse the call now.
        probes: what probers say of each node.
    """

    call: Call
    route: ExplainedRoute
    timeout_s: float
    error: str
    breakers: Mapping[Node, str]
    refusing: frozenset[Node]
    probes: Mapping[Node, str]
