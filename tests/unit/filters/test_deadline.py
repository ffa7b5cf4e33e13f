"""
The three filters of time, with scripted steps.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from rpcfw.errors import DeadlineExceeded
from rpcfw.filters.deadline import AttemptDeadline, ClientDeadline, ServerDeadline
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Hint
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.testing.scripted import Scripted
from rpcfw.values.call import serving
from rpcfw.values.metadata import Metadata


@pytest.fixture
def clock():
    return Clock()


def error_of(running):
    caught = []
    running.addErrback(lambda failure: caught.append(failure.value))
    (error,) = caught
    return error


def call_until(deadline):
    call = a_call(idempotent=True)
    call.deadline = deadline
    call.peer = "memory:a"
    return call


def test_gives_up_at_the_deadline(clock):
    """
    What takes too long is cancelled, and the error says how long it had.
    """
    held = Deferred()
    filter = ClientDeadline(plugin_context(clock))
    running = spawn(filter.apply(call_until(2.0), Scripted(held)))
    clock.advance(1.99)
    assert not running.called
    clock.advance(0.02)
    assert held.called
    error = error_of(running)
    assert isinstance(error, DeadlineExceeded)
    assert "demo.Greeter/say within 2 s" in error.message
    assert "memory:a" in error.message


def test_passes_what_comes_in_time(clock):
    """
    What comes in time passes, and leaves nothing to wait for.
    """
    filter = ClientDeadline(plugin_context(clock))
    assert "good" == spawn(filter.apply(call_until(2.0), Scripted("good"))).result


def test_a_deadline_that_is_over(clock):
    """
    A call whose time is over goes no further.
    """
    clock.advance(5)
    scripted = Scripted()
    filter = ClientDeadline(plugin_context(clock))
    assert Hint.NEVER_SENT is error_of(spawn(filter.apply(call_until(5.0), scripted))).hints
    assert 0 == scripted.times


def test_passes_metadata_on(clock):
    """
    A call made while serving another takes the number of attempts and what is asked for.
    """
    filter = ClientDeadline(plugin_context(clock), passed_on=("tag", "user"))
    outer, call = call_until(9.0), call_until(2.0)
    outer.metadata = Metadata((("tag", "red"), ("tag", "blue"), ("user", "1"), ("other", "x")))
    call.metadata = Metadata((("user", "2"),))
    token = serving.set(outer)
    try:
        spawn(filter.apply(call, Scripted("good")))
    finally:
        serving.reset(token)
    assert (("user", "2"), ("tag", "red"), ("tag", "blue")) == call.metadata.pairs


@pytest.mark.parametrize(("outer", "expected"), [(1.0, 1.0), (9.0, 2.0)])
def test_inherits_the_deadline(clock, outer, expected):
    """
    A call made while serving another takes the earlier deadline of the two.
    """
    scripted = Scripted("good")
    filter = ClientDeadline(plugin_context(clock))
    token = serving.set(call_until(outer))
    try:
        spawn(filter.apply(call_until(2.0), scripted))
    finally:
        serving.reset(token)
    assert expected == scripted.passed[0].deadline


def test_an_attempts_share(clock):
    """
    An attempt ends at its own limit, named so; an idempotent one may be repeated.
    """
    filter = AttemptDeadline(0.5, plugin_context(clock))
    running = spawn(filter.apply(call_until(2.0), Scripted(Deferred())))
    clock.advance(0.6)
    error = error_of(running)
    assert "attempt_timeout 0.5 s" in error.message
    assert Hint.SAFE_TO_REPEAT & error.hints


def test_an_attempt_near_the_deadline(clock):
    """
    Where less is left of the call than its share, the call's own limit decides.
    """
    filter = AttemptDeadline(5, plugin_context(clock))
    running = spawn(filter.apply(call_until(2.0), Scripted(Deferred())))
    clock.advance(10)
    assert not running.called
    running.addErrback(lambda _: None)
    running.cancel()


def test_a_server_drops_what_came_too_late(clock):
    """
    A request whose time was over when its turn came is not begun.
    """
    filter = ServerDeadline(NoOptions(), plugin_context(clock))
    assert "good" == spawn(filter.apply(call_until(2.0), Scripted("good"))).result
    clock.advance(2)
    scripted = Scripted()
    assert Hint.NOT_BEGUN & error_of(spawn(filter.apply(call_until(2.0), scripted))).hints
    assert 0 == scripted.times
