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

    waits = False

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        async def step(call: Call) -> Any:
            asked = 0
            while True:
                tried = len(call.tried)
                try:
                    return await proceed(call)
                except BreakerOpen:
                    asked += 1
                    if not _is_another(call, tried, asked):
                        raise

        return step


def _is_another(call: Call, tried: int, asked: int) -> bool:
    """
    Tell whether there is a node to ask after so many.

    Args:
        tried: how many the call had tried before it tried the last one.
    """
    if call.once_per_node:
        return False  # the node that was left out is to be reported
    route: Route = call.route
    nodes = route.available + len(route.spare)
    # The selection begins a new round when all nodes were tried.
    return asked < _MAX_NODES and tried < len(call.tried) < nodes
