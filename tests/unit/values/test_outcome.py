"""
Which ends of attempts are failures of their nodes.
"""

from __future__ import annotations

import pytest

from rpcfw.status import Hint, Status
from rpcfw.values.outcome import Outcome

FAILURES = {
    Status.UNKNOWN,
    Status.DEADLINE_EXCEEDED,
    Status.RESOURCE_EXHAUSTED,
    Status.INTERNAL,
    Status.UNAVAILABLE,
    Status.DATA_LOSS,
}


@pytest.mark.parametrize("status", Status)
def test_what_nodes_fail_with(status: Status) -> None:
    """
    What a method refuses its caller is an answer of its node.
    """
    assert (status in FAILURES) is Outcome(status, 0.1).node_failed


@pytest.mark.parametrize("status", Status)
def test_what_is_the_fault_of_the_call(status: Status) -> None:
    """
    A call that must not be made again would fail on each node.
    """
    assert not Outcome(status, 0.1, Hint.NOT_BEGUN | Hint.FINAL).node_failed
