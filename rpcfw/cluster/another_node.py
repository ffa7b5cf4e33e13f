"""
Takes another node when the breaker of the picked one is open.
"""

from __future__ import annotations

from typing import Any

from rpcfw.cluster.routing import Route
from rpcfw.errors import BreakerOpen
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.values.call import Call

__all__ = ["AnotherNode"]

#: So many nodes are asked for one attempt. A fleet may have thousands of open breakers.
_MAX_NODES = 20


class AnotherNode(Filter):
    """
    Stands just outside of the selection, so that an open breaker costs no attempt.
    """

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        route: Route = call.route
        nodes = route.available + len(route.spare)
        for _ in range(min(nodes, _MAX_NODES) - 1):
            tried = len(call.tried)
            try:
                return await proceed(call)
            except BreakerOpen:
                # The selection begins a new round when all nodes were tried.
                if not tried < len(call.tried) < nodes:
                    raise
        return await proceed(call)
