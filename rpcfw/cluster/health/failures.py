"""
What a failed attempt says of its node. Attempts that succeed are not looked at.
"""

from __future__ import annotations

from rpcfw.cluster.node import Node
from rpcfw.errors import CallError
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome

__all__ = ["FAILURES", "note_end_of_stream", "note_failure"]

#: What attempts fail with. Anything else is an error of a filter.
FAILURES = (CallError, *CANCELLED)


def note_failure(node: Node, call: Call, error: BaseException, now: float) -> tuple[Status, Hint]:
    """
    Count the failure of an attempt, if it is one of the node.

    Only what the node itself answered is counted, and what it did not answer in time. The calls
    that were lost with their connection are one event, which the connection reports.

    Returns:
        How the attempt ended. One that was cancelled at its deadline has overrun it.
    """
    if not isinstance(error, CallError):
        status = call.status_if_cancelled(now)
        _note(node, status, Hint.NONE)
        return status, Hint.NONE
    overran = error.status is Status.DEADLINE_EXCEEDED
    if (error.remote or overran) and not error.hints & Hint.NEVER_SENT:
        _note(node, error.status, error.hints)
    return error.status, error.hints


def note_end_of_stream(node: Node, status: Status) -> None:
    """
    Count the end of a stream, if it is a failure of the node.

    With UNAVAILABLE it was probably lost with its connection, like many others at once.
    """
    if status is not Status.OK and status is not Status.UNAVAILABLE:
        _note(node, status, Hint.NONE)


def _note(node: Node, status: Status, hints: Hint) -> None:
    node.failures += Outcome(status, 0, hints).node_failed
    if status is Status.DEADLINE_EXCEEDED:
        node.overran = True
