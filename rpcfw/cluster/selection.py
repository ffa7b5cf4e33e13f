"""
The last step of a call: picks one node, and hands the attempt to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from rpcfw.cluster.node import Node
from rpcfw.cluster.routing import Route
from rpcfw.errors import CallError, NoInstances
from rpcfw.spi.balancer import Picker
from rpcfw.spi.filter import CallStep
from rpcfw.spi.waiting import CANCELLED
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome

__all__ = ["selection"]


def selection(seconds: Callable[[], float], why_none: Callable[[], str]) -> CallStep:
    """
    Return the innermost step of the call stack.

    Args:
        seconds: the clock that attempts are measured with.
        why_none: says why no node is known, for the error.
    """

    async def step(call: Call) -> Any:
        route: Route = call.route
        picker = route.picker
        if picker is None:
            raise NoInstances(_nobody(call, route, why_none))
        node = cast("Node | None", picker.pick(call))
        if node is None:
            # All were tried: better one of them again than none at all.
            call.tried = ()
            node = cast(Node, picker.pick(call))
        call.tried += (node,)
        call.peer = node.peer
        node.in_flight += 1
        if picker.learns or call.method.server_streams:
            return await _observed(call, node, picker, seconds)
        try:
            return await node.attempt(call)
        finally:
            node.in_flight -= 1

    return step


async def _observed(call: Call, node: Node, picker: Picker, seconds: Callable[[], float]) -> Any:
    """
    Make an attempt of which the end is noted when it comes, also of a stream.
    """
    began = seconds()

    def ended(status: Status, hints: Hint = Hint.NONE) -> None:
        node.in_flight -= 1
        picker.record(node, Outcome(status, seconds() - began, hints))

    try:
        response = await node.attempt(call)
    except CallError as error:
        ended(error.status, error.hints)
        raise
    except CANCELLED:
        ended(Status.CANCELLED)
        raise
    except BaseException:
        ended(Status.UNKNOWN)
        raise
    if call.method.server_streams:
        call.on_end(ended)
    else:
        ended(Status.OK)
    return response


def _nobody(call: Call, route: Route, why_none: Callable[[], str]) -> str:
    service = call.method.service
    if not route.nodes:
        return f"no instance of {service} is known: {why_none()}"
    return f"{route.nodes} instances of {service} are known, and the routers left none of them"
