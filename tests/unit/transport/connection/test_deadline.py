"""
The one timer of a connection.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.transport.connection.deadline import Deadline


def test_the_last_deadline_counts():
    """
    A second deadline replaces the first one, which is never called.
    """
    clock, calls = Clock(), []
    deadline = Deadline(clock)
    deadline.set(1, lambda: calls.append("handshake"))
    deadline.set(5, lambda: calls.append("close"))
    clock.pump([1, 1, 1, 1, 1])

    assert ["close"] == calls


def test_a_deadline_that_was_stopped():
    """
    Nothing is called and nothing is left, before the deadline as after it.
    """
    clock, calls = Clock(), []
    deadline = Deadline(clock)
    deadline.stop()
    deadline.set(1, lambda: calls.append("handshake"))
    deadline.stop()
    assert [] == clock.getDelayedCalls()
    deadline.set(1, lambda: calls.append("close"))
    clock.advance(1)
    deadline.stop()

    assert ["close"] == calls
