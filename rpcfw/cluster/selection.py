"""
The last step of a call: picks one node, and hands the attempt to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from rpcfw.cluster.health.failures import FAILURES, note_end_of_stream, note_failure
from rpcfw.cluster.node import Node
from rpcfw.cluster.routing import Route
from rpcfw.errors import CallError, NoInstances, NoNodeLeft, PassedOver, PermissionDenied
from rpcfw.spi.balancer import Picker
from rpcfw.spi.deadline_keeping import keep_deadline
from rpcfw.spi.filter import CallStep
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome

__all__ = ["none_left", "selection"]

#: Each attempt that is observed uses some: bound once, because members of an enum are looked up.
_OK, _UNKNOWN, _NONE = Status.OK, Status.UNKNOWN, Hint.NONE


def selection(
    seconds: Callable[[], float],
    none_known: Callable[[str], CallError],
    route: Callable[[Call], Route],
) -> CallStep:
    """
    Return the innermost step of the call stack.

    Args:
        seconds: the clock that attempts are measured with.
        none_known: makes the error for a service of which no node is known.
        route: routes a call again that did not get to its node.
    """

    async def step(call: Call) -> Any:
        method = call.method
        while True:
            picker = call.route.picker
            if picker is None:
                raise _no_node(call, none_known)
            phases = call.phases
            if phases is None:
                picked = picker.pick(call)
            else:
                began = seconds()
                picked = picker.pick(call)
                phases.pick += seconds() - began
            # No `cast`: that is a function, and takes 40 ns.
            node: Node = _another(call, call.route, picker) if picked is None else picked
            call.tried += (node,)
            call.peer = node.peer
            node.in_flight += 1
            try:
                if method.server_streams:
                    return await _stream(call, node, picker, seconds)
                # Nobody answers a one-way call, and the client takes its time to send a stream.
                if picker.learns and method.unary and not method.one_way:
                    return await _observed(call, node, picker, seconds)
                try:
                    return await node.attempt(call)
                except FAILURES as error:
                    note_failure(node, call, error, seconds())
                    raise
                finally:
                    node.in_flight -= 1
            except PassedOver:
                call.route = route(call)

    # All that it waits for is a node's attempt, and the stack of that keeps the deadline.
    return keep_deadline(step)


async def _observed(call: Call, node: Node, picker: Picker, seconds: Callable[[], float]) -> Any:
    """
    Make an attempt, and report its end to the picker.
    """
    began = seconds()
    picker.began(node)
    status, hints = _UNKNOWN, _NONE
    try:
        response = await node.attempt(call)
        status = _OK
        return response
    except FAILURES as error:
        status, hints = note_failure(node, call, error, seconds())
        raise
    finally:
        node.in_flight -= 1
        picker.record(node, Outcome(status, seconds() - began, hints, call.trailers))


def _another(call: Call, route: Route, picker: Picker) -> Node:
    """
    Return a node for a call that has tried all of its picker's.
    """
    for node in route.spare:
        if node.weight and node not in call.tried:
            return node
    if call.once_per_node:
        raise NoNodeLeft(f"all {len(call.tried)} nodes of {call.method.service} were tried")
    # All were tried: better one of them again than none at all.
    call.tried = ()
    return cast(Node, picker.pick(call))


async def _stream(call: Call, node: Node, picker: Picker, seconds: Callable[[], float]) -> Any:
    """
    Begin a stream. It is in flight until it ends; the picker learns how it began.

    How long a stream lasts says nothing of its node. If the client streams too, nothing is
    known of the time that the node took.
    """
    began = seconds()
    status, hints = _UNKNOWN, _NONE
    try:
        response = await node.attempt(call)
        status = _OK
    except FAILURES as error:
        status, hints = note_failure(node, call, error, seconds())
        raise
    finally:
        if status is not _OK:
            node.in_flight -= 1
        if picker.learns and not call.method.shape.client_streams:
            picker.began(node)
            picker.record(node, Outcome(status, seconds() - began, hints))
    call.on_end(partial(_stream_ended, node))
    call.on_end(partial(note_end_of_stream, node))
    return response


def _stream_ended(node: Node, status: Status) -> None:
    node.in_flight -= 1


def _no_node(call: Call, none_known: Callable[[str], CallError]) -> CallError:
    """
    Return the error of a call whose route has no node.
    """
    route: Route = call.route
    if not route.nodes:
        return none_known(call.method.service)
    return none_left(call, route.nodes, route.emptied_by, route.refusal)


def none_left(call: Call, nodes: int, emptied_by: str, refusal: str) -> CallError:
    """
    Return the error of a call that the routers left no node.

    Args:
        nodes: how many are live.
        emptied_by: the router that removed the last one.
        refusal: why that router refuses the call; empty if it does not.
    """
    if refusal:
        return PermissionDenied(
            f"{emptied_by} refuses {call.method.path}: {refusal}",
            hints=Hint.NEVER_SENT | Hint.FINAL,
        )
    return NoInstances(
        f"{nodes} instances of {call.method.service} are known, "
        f"and the routers left none of them; {emptied_by} refused the last"
    )
