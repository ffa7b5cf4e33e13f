"""
The retry loop, with scripted attempts.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from rpcfw.errors import CallError, NoInstances, Unavailable
from rpcfw.spi.attempts.retry_loop import retry_loop
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.testing.scripted import Scripted
from rpcfw.values.metadata import PREVIOUS_ATTEMPTS, Metadata
from rpcfw.values.method import Shape


class Delays(RetryPolicy):
    """
    Answers what the test says.
    """

    def __init__(self, *delays):
        super().__init__(NoOptions(), plugin_context())
        self.delays = list(delays)
        self.good = 0

    def delay_s(self, call, error):
        return self.delays.pop(0) if self.delays else None

    def succeeded(self, call):
        self.good += 1


@pytest.fixture
def clock():
    return Clock()


def run(clock, policy, scripted, call=None):
    call = call or a_call()
    return spawn(retry_loop(scripted, policy, plugin_context(clock))(call))


def test_a_good_attempt(clock):
    """
    One good attempt is all there is, and the policy learns of it.
    """
    policy, scripted = Delays(0), Scripted("good")
    assert "good" == run(clock, policy, scripted).result
    assert (1, 1) == (scripted.times, policy.good)


def test_attempts_until_one_is_good(clock):
    """
    It goes on while the policy says so, each attempt with its number, after its delay.
    """
    policy, scripted = Delays(0, 2), Scripted(Unavailable("a"), Unavailable("b"), "good")
    running = run(clock, policy, scripted)
    assert 2 == scripted.times
    clock.advance(1.9)
    assert 2 == scripted.times
    clock.advance(0.2)
    assert "good" == running.result
    assert [1, 2, 3] == [passed.attempt for passed in scripted.passed]


def test_what_came_with_a_refused_response(clock):
    """
    Metadata and trailers of a response that a filter refused are not those of the next one.
    """
    call, given = a_call(), Metadata.of({"load": "1"})

    async def attempt(call):
        if call.attempt == 1:
            call.response_metadata = call.trailers = given
            raise Unavailable("refused by a filter")
        return "good"

    assert "good" == run(clock, Delays(0), attempt, call).result
    assert () == call.response_metadata.pairs == call.trailers.pairs


def test_the_last_error_is_the_callers(clock):
    """
    When the policy has had enough, the last error is raised.
    """
    running = run(clock, Delays(0), Scripted(Unavailable("a"), Unavailable("b")))
    running.addErrback(lambda failure: failure.value.message)
    assert "b" == running.result


def test_no_wait_beyond_the_deadline(clock):
    """
    A wait that the call would not outlive is not begun.
    """
    call = a_call()
    call.deadline = 1.0
    scripted = Scripted(Unavailable("a"))
    running = run(clock, Delays(1.0), scripted, call)
    running.addErrback(lambda failure: failure.value.message)
    assert ("a", 1) == (running.result, scripted.times)


def test_other_errors_pass(clock):
    """
    What is no failure of a call is not repeated: a bug, a cancellation.
    """
    for error in (KeyError("a bug"), CancelledError()):
        running = run(clock, Delays(0), Scripted(error))
        running.addErrback(lambda failure: failure.type)
        assert type(error) is running.result


def test_cancelled_while_it_waits(clock):
    """
    A call that is given up between attempts makes no other, and leaves no timer.
    """
    scripted = Scripted(Unavailable("a"))
    running = run(clock, Delays(5), scripted)
    running.addErrback(lambda failure: failure.type)
    running.cancel()
    assert (CancelledError, 1) == (running.result, scripted.times)
    assert [] == clock.getDelayedCalls()


def test_repeats_at_once_let_others_run(clock):
    """
    A policy that always repeats at once gives others a turn, so the call can be cancelled.
    """
    scripted = Scripted(*(Unavailable("a") for _ in range(100)))
    running = run(clock, Delays(*([0] * 100)), scripted)
    running.addErrback(lambda failure: failure.type)
    assert 21 == scripted.times
    running.cancel()
    assert (CancelledError, 21) == (running.result, scripted.times)
    assert [] == clock.getDelayedCalls()


def test_cancelled_during_an_attempt(clock):
    """
    A call that is given up cancels its attempt.
    """
    held = Deferred()
    running = run(clock, Delays(0), Scripted(held))
    running.addErrback(lambda failure: failure.type)
    running.cancel()
    assert held.called
    assert CancelledError is running.result


@pytest.mark.parametrize("shape", [Shape.CLIENT_STREAM, Shape.BIDI_STREAM])
def test_streamed_requests_are_not_repeated(clock, shape):
    """
    A call whose client streams is never repeated: its messages are gone.
    """
    call = a_call()
    call.method = evolve(call.method, shape=shape)
    running = run(clock, Delays(0, 0), Scripted(Unavailable("a")), call)
    running.addErrback(lambda failure: failure.check(CallError))
    assert CallError is running.result


class Unreachable:
    """
    Picks a new node for each attempt, of which some cannot be reached.
    """

    def __init__(self, unreachable, nodes=100):
        self.unreachable = unreachable
        self.nodes = nodes
        self.numbers = []

    async def __call__(self, call):
        self.numbers.append(call.attempt)
        if len(call.tried) == self.nodes:
            call.tried = ()
        call.tried += (f"node {len(call.tried)}",)
        if len(self.numbers) <= self.unreachable:
            raise NoInstances("not connected")
        raise Unavailable("lost")


def test_dead_nodes_cost_no_attempt(clock):
    """
    An attempt that was never sent does not count, and says nothing of itself to the next server.
    """
    unreachable, call = Unreachable(4), a_call()
    run(clock, Delays(0, 0, 0, 0, 0), unreachable, call).addErrback(lambda _: None)
    assert [1, 1, 1, 1, 1, 2] == unreachable.numbers
    assert "1" == call.metadata.get(PREVIOUS_ATTEMPTS)


def test_dead_nodes_count_at_last(clock):
    """
    Only so many of them do not count, and none that was tried before.
    """
    many = Unreachable(50)
    run(clock, Delays(*[0] * 24), many).addErrback(lambda _: None)
    assert [1] * 21 + [2, 3, 4, 5] == many.numbers
    few = Unreachable(50, nodes=2)
    run(clock, Delays(*[0] * 4), few).addErrback(lambda _: None)
    assert [1, 1, 1, 2, 2] == few.numbers
