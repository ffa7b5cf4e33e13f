"""
Who ends a call at its deadline: steps that keep it, and what is made to keep it.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from rpcfw.errors import DeadlineExceeded
from rpcfw.filters.deadline import ClientDeadline
from rpcfw.spi.deadline_keeping import (
    keep_deadline,
    keeping_deadline,
    keeps_deadline,
    until_deadline,
)
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context


@pytest.fixture
def clock():
    return Clock()


def call_until(deadline, *, expired):
    call = a_call()
    call.deadline, call.expired = deadline, expired
    return call


def error_of(running):
    caught = []
    running.addErrback(lambda failure: caught.append(failure.value))
    (error,) = caught
    return error


async def waits_for(waited):
    return await waited


def test_a_wait_ends_at_the_deadline(clock):
    """
    What a call waits for is cancelled at its deadline; the cancellation passes, and is noted.
    """
    call, held = call_until(2.0, expired=False), Deferred()
    running = spawn(until_deadline(waits_for(held), call, Timers(clock)))
    clock.advance(1.99)
    assert not running.called
    clock.advance(0.02)

    assert isinstance(error_of(running), CancelledError)
    assert call.expired is True


def test_a_wait_that_ends_in_time(clock):
    """
    After what came in time the deadline is still kept, by whoever waits next.
    """
    call = call_until(2.0, expired=False)
    running = spawn(until_deadline(waits_for(Deferred()), call, Timers(clock)))
    assert call.expired is None, "nothing inside needs to keep it"
    running.cancel()

    assert isinstance(error_of(running), CancelledError)
    assert call.expired is False


def test_somebody_outside_keeps_it(clock):
    """
    If another one ends the call at its deadline, nothing is watched.
    """
    call = call_until(2.0, expired=None)
    running = spawn(until_deadline(waits_for(Deferred()), call, Timers(clock)))
    assert [] == clock.getDelayedCalls()
    clock.advance(3)

    assert not running.called
    running.cancel()
    error_of(running)


def test_another_limit_inside(clock):
    """
    A `DeadlineExceeded` of a shorter limit inside, or of a server, passes as it is.
    """

    async def fails():
        raise DeadlineExceeded("")

    call = call_until(2.0, expired=False)
    running = spawn(until_deadline(fails(), call, Timers(clock)))

    assert isinstance(error_of(running), DeadlineExceeded)
    assert call.expired is False


def test_a_step_that_is_made_to_keep_it(clock):
    """
    A step of which nothing is known is wrapped, and one that keeps the deadline is not.
    """
    held = Deferred()

    async def step(call):
        return await held

    made = keeping_deadline(step, Timers(clock))
    assert not keeps_deadline(step)
    assert keeps_deadline(made)
    assert made is keeping_deadline(made, Timers(clock))
    running = spawn(made(call_until(1.0, expired=False)))
    clock.advance(1.1)

    assert held.called
    assert isinstance(error_of(running), CancelledError)


def test_the_filter_leaves_it_to_what_keeps_it(clock):
    """
    The DEADLINE filter watches nothing itself then, and explains the end as its own.
    """
    context = plugin_context(clock)
    passed = []

    @keep_deadline
    async def step(call):
        passed.append(call.expired)
        assert [] == clock.getDelayedCalls()
        return await until_deadline(waits_for(Deferred()), call, context.timers)

    running = spawn(ClientDeadline(context).bind(step)(call_until(2.0, expired=None)))
    clock.advance(2.01)

    assert [False] == passed
    error = error_of(running)
    assert isinstance(error, DeadlineExceeded)
    assert "within 2 s" in error.message


def test_a_call_that_its_caller_cancels(clock):
    """
    A cancellation by the caller passes the filter as one.
    """
    context = plugin_context(clock)

    @keep_deadline
    async def step(call):
        return await until_deadline(waits_for(Deferred()), call, context.timers)

    running = spawn(ClientDeadline(context).bind(step)(call_until(2.0, expired=None)))
    running.cancel()

    assert isinstance(error_of(running), CancelledError)
