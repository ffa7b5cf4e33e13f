"""
Attempts beside one that is slow.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from rpcfw.errors import ApplicationError, NoInstances, Unavailable
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.testing.contracts.attempts import (
    AttemptStrategyContract,
    Fleet,
    a_timed_call,
    result_of,
)
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.call import serving
from rpcfw.values.metadata import PREVIOUS_ATTEMPTS
from rpcfw_attempts.hedge import Hedge, HedgeOptions
from rpcfw_retries.by_hints import ByHints


def made(context, **texts):
    return Hedge(options_of(HedgeOptions, **texts), context)


class TestAfterATime(AttemptStrategyContract):
    def make(self, plugin_context):
        return made(plugin_context, delay="50ms")


class TestAtAPercentile(AttemptStrategyContract):
    def make(self, plugin_context):
        return made(plugin_context)


class Scene:
    """
    A strategy with attempts that a test ends itself.
    """

    def __init__(self, **texts):
        self.context = plugin_context()
        self.clock = self.context.clock
        self.waiting = []
        self.method = a_timed_call().method
        self.fleet = Fleet(self.end)
        self.policy = ByHints(options_of(ByHints.Options), self.context)
        self.strategy = made(self.context, **texts)
        self.step = self.strategy.bind(self.fleet.attempt, self.policy)

    def end(self, call):
        waiter = Waiter()
        self.waiting.append(waiter)
        return waiter

    def call(self, **fields):
        call = a_timed_call(**fields)
        if not fields:
            call.method = self.method  # the same object, as in a client
        return spawn(self.step(call))

    def answered_in(self, seconds):
        """
        Make a call whose first attempt takes so long.
        """
        running = self.call()
        first = self.waiting[-1]
        self.clock.advance(seconds)
        (self.waiting[-1] if first.called else first).callback("good")
        assert "good" == result_of(running)

    @property
    def begun(self):
        return len(self.fleet.attempts)


def test_a_slow_attempt_gets_company():
    """
    After the delay another node is asked; the answer that comes first is the caller's.
    """
    scene = Scene(delay="100ms")
    running = scene.call()
    scene.clock.advance(0.099)
    assert 1 == scene.begun
    scene.clock.advance(0.002)
    assert ["a", "b"] == [attempt.peer for attempt in scene.fleet.attempts]
    scene.waiting[1].callback("second")
    assert "second" == result_of(running)
    assert 0 == scene.fleet.under_way
    assert [] == scene.clock.getDelayedCalls()


def test_no_hedge_of_a_retry():
    """
    A call that serves a call which is retried itself is not hedged, as it is not retried.
    """
    scene = Scene(delay="100ms")
    token = serving.set(a_call(metadata={PREVIOUS_ATTEMPTS: "1"}))
    try:
        running = scene.call()
        scene.clock.advance(0.2)
        assert 1 == scene.begun
    finally:
        serving.reset(token)
    scene.waiting[0].callback("first")
    assert "first" == result_of(running)


def test_methods_that_are_remembered():
    """
    However many methods there are, the latencies of a thousand are kept; the others begin anew.
    """
    scene, known = Scene(), a_timed_call()
    known.method = scene.method
    scene.answered_in(0.01)
    assert "1 of 20" in scene.strategy.explain(known)
    for number in range(1000):
        scene.method = evolve(known.method, name=f"method{number}")
        scene.answered_in(0.01)
    assert "0 of 20" in scene.strategy.explain(known)


def test_a_percentile_of_what_was_seen():
    """
    The delay is the latency that so many calls did not exceed; before, there is no hedge.
    """
    scene = Scene(percentile="90", min_calls="10")
    for number in range(10):
        scene.answered_in(0.2 if number == 9 else 0.01)
    assert 10 == scene.begun
    scene.call()
    scene.clock.advance(0.0085)
    assert 11 == scene.begun
    scene.clock.advance(0.003)
    assert 12 == scene.begun


def test_latencies_are_forgotten():
    """
    After a quiet time there is no hedge until enough calls were seen again.
    """
    scene = Scene(min_calls="10", window="5s")
    for _ in range(10):
        scene.answered_in(0.01)
    scene.clock.advance(10)
    scene.call()
    scene.clock.advance(1)
    assert 11 == scene.begun


def test_the_budget():
    """
    Hedges are a share of the calls, after the first few.
    """
    scene = Scene(delay="10ms", max_extra_load="10%", max_burst="3")
    for _ in range(103):
        scene.call()
        scene.clock.advance(0.02)
    assert 103 + 3 + 10 == scene.begun
    ((_, refused),) = scene.context.meter.counter("rpcfw_client_hedges_refused_total", "")
    assert 103 - 13 == refused.value


def test_methods_that_are_not_idempotent():
    """
    They are not hedged unless the options say that they may be.
    """
    for any_method, expected in (("no", 1), ("yes", 2)):
        scene = Scene(delay="10ms", any_method=any_method)
        scene.call(idempotent=False)
        scene.clock.advance(1)
        assert expected == scene.begun


def test_a_failure_waits_for_the_others():
    """
    A node that fails does not fail the call while another one is asked.
    """
    scene = Scene(delay="10ms")
    running = scene.call(idempotent=True)
    scene.clock.advance(0.01)
    scene.waiting[0].errback(ApplicationError(Status.INTERNAL, "broken"))
    assert not running.called
    scene.waiting[1].callback("good")
    assert "good" == result_of(running)


def test_an_answer_of_the_method_ends_it():
    """
    An error that the method itself raised ends the call, though another node is asked.
    """
    scene = Scene(delay="10ms")
    running = scene.call()
    scene.clock.advance(0.01)
    error = ApplicationError(Status.NOT_FOUND, "no such thing")
    scene.waiting[0].errback(error)
    assert error is result_of(running)
    assert 0 == scene.fleet.under_way


def test_a_failure_is_retried_as_the_policy_says():
    """
    A failed attempt is followed by another one, which costs the budget of hedges nothing.
    """
    scene = Scene(delay="1s", max_burst="1", max_extra_load="0%")
    running = scene.call()
    for _ in range(2):
        scene.waiting[-1].errback(Unavailable("gone"))
        scene.clock.advance(0.05)
    assert 3 == scene.begun
    scene.waiting[-1].errback(Unavailable("gone for good"))
    assert "gone for good" == result_of(running).message


def test_all_attempts_count():
    """
    The policy limits the attempts of a call, whichever of those side by side fails last.
    """
    scene = Scene(delay="10ms")
    running = scene.call()
    scene.clock.advance(0.01)
    for one in (1, 2, 0):
        scene.waiting[one].errback(Unavailable(f"failure {one}"))
        scene.clock.advance(0.2)
    assert 3 == scene.begun
    assert "failure 0" == result_of(running).message


def test_attempts_that_were_never_sent_do_not_count():
    """
    A call passes over nodes that are out of reach, as by failover.
    """
    scene = Scene(delay="60s")
    scene.fleet.nodes = candidates(**{f"n{number}": 1 for number in range(11)})
    running = scene.call()
    for _ in range(10):
        scene.waiting[-1].errback(NoInstances("out of reach"))
        scene.clock.advance(0)
    assert 11 == scene.begun
    scene.waiting[-1].callback("good")
    assert "good" == result_of(running)


def test_what_was_seen_is_taken_over():
    """
    New options go on with the latencies and the budget.
    """
    scene = Scene(min_calls="10")
    for _ in range(10):
        scene.answered_in(0.01)
    later = made(scene.context, min_calls="10", percentile="50")
    later.take_over(scene.strategy)
    scene.step = later.bind(scene.fleet.attempt, scene.policy)
    scene.call()
    scene.clock.advance(0.02)
    assert 12 == scene.begun


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("percentile", "100"),
        ("percentile", "0"),
        ("window", "0s"),
        ("max_attempts", "1"),
        ("min_calls", "0"),
        ("max_burst", "0"),
    ],
)
def test_options_that_mean_nothing(name, value):
    """
    What no hedge could be made of is refused.
    """
    with pytest.raises(Exception, match=name):
        options_of(HedgeOptions, **{name: value})


def test_what_it_would_do():
    """
    `rpcfw explain` says when a hedge would begin, or why there is none.
    """
    scene = Scene(min_calls="10", window="30s")
    call = a_timed_call()
    call.method = scene.method
    assert "once enough calls were measured: 0 of 10" in scene.strategy.explain(call)
    for _ in range(10):
        scene.answered_in(0.01)
    assert "2 attempts side by side, the next after 0.0103 s" in scene.strategy.explain(call)
    call = a_timed_call(idempotent=False)
    assert "as failover: it is not idempotent" == scene.strategy.explain(call)
    assert "after 0.05 s" in Scene(delay="50ms").strategy.explain(a_timed_call())
