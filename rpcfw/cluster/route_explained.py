"""
Where a call may go, with the reasons, for those who ask.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from rpcfw.cluster.node import Node
from rpcfw.spi.balancer import Balancer, Shares
from rpcfw.spi.router import Reasons, Router

__all__ = ["ExplainedRoute", "RouterStep"]


@frozen(eq=False)
class RouterStep:
    """
    What one router did.

    Args:
        before: the nodes that it was given.
        after: those that it left.
        reasons: why.
    """

    router: Router
    before: Sequence[Node]
    after: Sequence[Node]
    reasons: Reasons


@frozen(eq=False)
class ExplainedRoute:
    """
    The route of a call.

    Args:
        nodes: all that are live.
        steps: of the routers, in their order, up to the one that left nothing.
        left: the nodes that passed all routers.
        usable: those of them that the balancer gets: the best connected ones.
        balancer: spreads the call.
        emptied_by: the router that left no node, and its refusal; both empty if there are some.
        shares: how it does; None if it does not say, or there is nothing to spread over.
    """

    nodes: Sequence[Node]
    steps: Sequence[RouterStep]
    left: Sequence[Node]
    usable: Sequence[Node]
    balancer: Balancer
    emptied_by: tuple[str, str]
    shares: Shares | None
