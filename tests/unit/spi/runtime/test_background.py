"""
Work that nobody awaits.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from rpcfw.spi.runtime.background import PAUSE_S, in_background, loop_in_background


class Loop:
    """
    A loop that fails some times, and then waits until it is let go.
    """

    def __init__(self, failures: int) -> None:
        self.runs = 0
        self.reasons: list[str] = []
        self.let_go: Deferred[None] = Deferred()
        self._failures = failures

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self._failures:
            raise ValueError("a bug")
        await self.let_go


def test_a_loop_begins_again() -> None:
    """
    A bug ends a loop for a moment; each time is in the log, and who asked for it is told.
    """
    clock, loop = Clock(), Loop(2)
    with capturedLogs() as logs:
        running = loop_in_background(loop.run, "watching a", clock, loop.reasons.append)
        clock.advance(PAUSE_S - 0.1)
        assert 1 == loop.runs
        clock.advance(0.1)
        clock.advance(PAUSE_S)
    assert 3 == loop.runs
    assert ["watching a failed by a bug, see the log: ValueError"] * 2 == loop.reasons
    assert [ValueError] * 2 == [event["log_failure"].type for event in logs]
    loop.let_go.callback(None)

    assert running.called
    assert [] == clock.getDelayedCalls()


@pytest.mark.parametrize("failures", [0, 1])
def test_a_loop_is_cancelled(failures: int) -> None:
    """
    Cancelling ends it, also while it waits to begin again.
    """
    clock, loop = Clock(), Loop(failures)
    with capturedLogs() as logs:
        running = loop_in_background(loop.run, "watching a", clock)
        running.cancel()
        clock.advance(2 * PAUSE_S)

    assert running.called
    assert 1 == loop.runs
    assert failures == len(logs)
    assert [] == clock.getDelayedCalls()


def test_work_that_fails_is_in_the_log() -> None:
    """
    Work that is done once is not repeated.
    """
    loop = Loop(1)
    with capturedLogs() as logs:
        running = in_background(loop.run(), "reading a")

    assert running.called
    assert [ValueError] == [event["log_failure"].type for event in logs]
