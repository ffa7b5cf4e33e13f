"""
How long a circuit stays open.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.errors import BreakerOpen, CallError
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_breakers.consecutive import Consecutive, ConsecutiveOptions


class OneNode:
    """
    A node behind a breaker that opens at the first failure and closes after one probe.
    """

    def __init__(self):
        self.clock = Clock()
        options = ConsecutiveOptions(
            open_time=5.0,
            max_open_time=30.0,
            open_jitter=0.0,
            max_probes=1,
            closing_probes=1,
            statuses=("UNAVAILABLE",),
            failures=1,
        )
        self.failing = True
        self._step = Consecutive(options, plugin_context(self.clock)).bind(self._rest)

    async def _rest(self, call):
        if self.failing:
            raise CallError(status=Status.UNAVAILABLE)

    def attempt(self):
        """
        Make an attempt; tell whether it was refused.
        """
        try:
            self._step(a_call()).send(None)
        except BreakerOpen:
            return True
        except (CallError, StopIteration):
            return False
        raise AssertionError("a breaker never waits")

    def open_time(self):
        """
        Wait until an attempt goes on again; return how long that took.
        """
        began_at = self.clock.seconds()
        while self.attempt():
            self.clock.advance(0.5)
        return self.clock.seconds() - began_at


def test_the_open_time_grows():
    """
    It doubles with each failed probe, up to the limit.
    """
    node = OneNode()
    node.attempt()
    assert [5, 10, 20, 30, 30] == [node.open_time() for _ in range(5)]


def test_the_open_time_begins_anew():
    """
    What was closed for as long as it was open last begins with the first open time.
    """
    node = OneNode()
    node.attempt()
    assert [5, 10] == [node.open_time() for _ in range(2)]
    node.failing = False
    assert 20 == node.open_time()
    node.clock.advance(19)
    node.failing = True
    node.attempt()
    assert 30 == node.open_time()  # it was closed for too short a time
    node.clock.advance(30)
    node.failing = False
    node.attempt()
    node.clock.advance(31)
    node.failing = True
    node.attempt()
    assert 5 == node.open_time()
