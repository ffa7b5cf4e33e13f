"""
What a failed attempt says of its node.
"""

from __future__ import annotations

import asyncio

import pytest
from twisted.internet.defer import CancelledError

from rpcfw.cluster.health.failures import note_end_of_stream, note_failure
from rpcfw.cluster.node import Node
from rpcfw.errors import (
    CallError,
    ConnectionLost,
    DeadlineExceeded,
    InvalidMessage,
    NoInstances,
    Unavailable,
    error_from_status,
)
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.registry import an_instance

NODE_FAILURES = {
    Status.UNKNOWN,
    Status.DEADLINE_EXCEEDED,
    Status.RESOURCE_EXHAUSTED,
    Status.INTERNAL,
    Status.UNAVAILABLE,
    Status.DATA_LOSS,
}


def noted(error: BaseException, now: float = 1.0) -> tuple[int, bool]:
    node, call = Node(an_instance(), None), a_call()
    call.deadline = 10.0
    note_failure(node, call, error, now)
    return node.failures, node.overran


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.OK])
def test_what_the_node_answers(status):
    """
    Failures of the node count; the errors of its methods' business do not.
    """
    failures, overran = noted(error_from_status(status, "so it is"))
    assert (status in NODE_FAILURES) == failures
    assert overran is (status is Status.DEADLINE_EXCEEDED)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLost(),
        NoInstances(),
        Unavailable(hints=Hint.NEVER_SENT),
        InvalidMessage("the request cannot be written"),
        CallError("of a filter"),
    ],
)
def test_what_this_side_finds(error):
    """
    What was lost with its connection, never sent, or wrong on this side does not count.
    """
    assert (0, False) == noted(error)


def test_time_that_was_overrun():
    """
    An attempt that has no answer in time counts, and asks for a ping.
    """
    assert (1, True) == noted(DeadlineExceeded())


@pytest.mark.parametrize("error", [CancelledError(), asyncio.CancelledError()])
def test_cancelled(error):
    """
    A caller that gives up says nothing of the node; a deadline does.
    """
    assert (0, False) == noted(error, 9.9)
    assert (1, True) == noted(error, 10.0)


@pytest.mark.parametrize(
    ("status", "failures"),
    [(Status.OK, 0), (Status.NOT_FOUND, 0), (Status.UNAVAILABLE, 0), (Status.INTERNAL, 1)],
)
def test_the_end_of_a_stream(status, failures):
    """
    It counts likewise, but for what may be the loss of its connection.
    """
    node = Node(an_instance(), None)
    note_end_of_stream(node, status)
    assert failures == node.failures
