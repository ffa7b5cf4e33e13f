"""
Whoever waits for an event goes on when it is set.
"""

from __future__ import annotations

import asyncio
import math

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import spawn


def test_wakes_everybody_who_waits():
    """
    All who wait go on, and whoever comes later while it is set does not wait.
    """
    event = Event()
    waiting = [spawn(event.wait()) for _ in range(3)]
    assert not any(each.called for each in waiting)
    event.set()
    assert all(each.called for each in waiting)
    assert spawn(event.wait()).called


def test_a_cleared_event_is_waited_for_again():
    """
    After `clear` whoever waits goes on with the next `set`.
    """
    event = Event()
    event.set()
    event.clear()
    waiting = spawn(event.wait())
    assert not waiting.called
    event.set()
    assert waiting.called


@pytest.mark.parametrize("at", [5.0, math.inf])
def test_a_set_event_ends_a_limited_wait(at):
    """
    A wait with a limit ends when the event is set, and leaves no timer.
    """
    clock, event = Clock(), Event()
    waiting = spawn(event.wait_until(clock, at))
    clock.advance(1)
    assert not waiting.called
    event.set()
    assert waiting.called
    assert [] == clock.getDelayedCalls()
    assert spawn(event.wait_until(clock, at)).called


def test_a_limited_wait_ends_at_its_time():
    """
    At its time a wait ends though the event is not set; a time that is over is now.
    """
    clock, event = Clock(), Event()
    waiting = spawn(event.wait_until(clock, 5.0))
    clock.advance(4.9)
    assert not waiting.called
    clock.advance(0.2)
    assert waiting.called
    late = spawn(event.wait_until(clock, 1.0))
    clock.advance(0)
    assert late.called


def test_who_gives_up_is_forgotten():
    """
    A wait that is given up leaves nothing, and others still wait.
    """
    clock, event = Clock(), Event()
    gone, with_deadline, other = (
        spawn(event.wait()),
        spawn(event.wait_until(clock, 9.0)),
        spawn(event.wait()),
    )
    for each in (gone, with_deadline):
        each.addErrback(lambda failure: failure.trap(CancelledError))
        each.cancel()
    assert [] == clock.getDelayedCalls()
    event.set()
    assert other.called


def test_the_end_of_the_time_may_follow_the_event_at_once():
    """
    In an asyncio loop the one who waits goes on a moment after the event; the timer does no harm.
    """
    clock, event = Clock(), Event()

    async def set_at_the_last_moment() -> None:
        event.set()
        clock.advance(5)

    async def both() -> None:
        await asyncio.gather(event.wait_until(clock, 5.0), set_at_the_last_moment())

    asyncio.run(both())
