"""
How long a circuit stays open, and how many there are.
"""

from __future__ import annotations

import tracemalloc

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

    def attempt(self, method="say"):
        """
        Make an attempt; tell whether it was refused.
        """
        try:
            self._step(a_call(method=method)).send(None)
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


def test_invented_methods_take_no_memory():
    """
    Ever new names of methods take no more memory, and close no circuit that is open.
    """
    node = OneNode()
    node.attempt("get")
    node.failing = False
    tracemalloc.start()
    try:
        for number in range(2_000):
            assert not node.attempt(f"method-{number}")
        before, _ = tracemalloc.get_traced_memory()
        for number in range(2_000, 6_000):
            node.attempt(f"method-{number}")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert node.attempt("get")
    assert after - before < 100_000


def test_further_methods_that_fail():
    """
    When there are as many circuits with failures as may be, further methods have none.
    """
    node = OneNode()
    for number in range(1_000):
        node.attempt(f"method-{number}")
    assert [False, False] == [node.attempt("get") for _ in range(2)]
    assert node.attempt("method-0")
