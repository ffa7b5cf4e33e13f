"""
LALB: shares follow rate / latency.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.testing.contracts.balancer import BalancerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.outcome import Outcome
from rpcfw_balancers.lalb import Lalb, LalbOptions
from rpcfw_balancers.lalb_weight import LalbWeight


def balancer(clock=None, min_share=0.05) -> Lalb:
    options = LalbOptions(failure_latency=1.0, min_share=min_share)
    return Lalb(options, plugin_context(clock, random=Random(0)))


class TestLalbContract(BalancerContract):
    def make(self):
        return balancer()


def answers(state: LalbWeight, count: int, every_s: float, took_s: float, now: float = 0.0):
    """
    End attempts at a steady rate; return the time of the last.
    """
    for _ in range(count):
        state.began(now)
        state.ended(Outcome(Status.OK, took_s), now + took_s, 1.0)
        now += every_s
    return now - every_s + took_s


def test_the_formula():
    """
    The weight is 1,000 x rate / latency: of 100 calls a second that take 20 ms, 5,000,000.
    """
    state = LalbWeight()
    now = answers(state, 128, every_s=0.01, took_s=0.02)

    assert 5_000_000 == pytest.approx(state.weight(now, 1.0), rel=0.001)


def test_few_answers_tell_no_rate():
    """
    Fewer than 128 answers within a second measure nothing; spread over a second they do.
    """
    state = LalbWeight()
    answers(state, 100, every_s=0.005, took_s=0.02)
    assert not state.base

    later = LalbWeight()
    now = answers(later, 3, every_s=0.5, took_s=0.02)
    assert 100_000 == pytest.approx(later.weight(now, 1.0), rel=0.001)


def test_late_attempts_lower_the_weight():
    """
    Attempts in flight for ten times the latency lower the weight to 1.5 tenths of it.
    """
    state = LalbWeight()
    now = answers(state, 128, every_s=0.01, took_s=0.02)
    before = state.weight(now, 1.0)
    state.began(now)
    assert before == state.weight(now + 0.029, 1.0)

    assert before * 0.15 == pytest.approx(state.weight(now + 0.2, 1.0), rel=0.001)


def test_failures_raise_the_latency_and_not_the_rate():
    """
    A node that fails at once for a while loses nearly all of its weight.
    """
    state = LalbWeight()
    now = answers(state, 128, every_s=0.01, took_s=0.02)
    before = state.weight(now, 1.0)
    for _ in range(100):
        state.began(now)
        state.ended(Outcome(Status.UNAVAILABLE, 0.0), now, 1.0)

    assert state.weight(now, 1.0) < before / 30


@pytest.mark.parametrize(
    ("status", "hints"), [(Status.CANCELLED, Hint.NONE), (Status.UNAVAILABLE, Hint.NEVER_SENT)]
)
def test_what_measures_nothing(status, hints):
    """
    What was given up or never sent changes no weight, and is in flight no longer.
    """
    state = LalbWeight()
    now = answers(state, 128, every_s=0.01, took_s=0.02)
    before = state.weight(now, 1.0)
    for _ in range(100):
        state.began(now)
        state.ended(Outcome(status, 0.0, hints), now, 1.0)

    assert before == state.weight(now + 100, 1.0)


def learn(picker, given, clock, *took_s):
    """
    Have each node answer a hundred times a second, two seconds long.
    """
    for _ in range(200):
        clock.advance(0.01)
        for one, each in zip(given, took_s, strict=True):
            picker.began(one)
            picker.record(one, Outcome(Status.OK, each))


def shares(picker, count: int = 4000) -> dict[str, float]:
    counts = Counter(picker.pick(a_call()).instance.id for _ in range(count))
    return {name: found / count for name, found in counts.items()}


def test_shares_follow_the_latency():
    """
    At the same rate, a node with half the latency gets twice the attempts.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock).picker(given)
    learn(picker, given, clock, 0.01, 0.02)

    assert 2 / 3 == pytest.approx(shares(picker)["a"], abs=0.03)


def test_a_slow_node_keeps_the_least_share():
    """
    A node a thousand times as slow keeps 5 % of the mean weight.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock).picker(given)
    learn(picker, given, clock, 0.001, 1.0)

    assert 0.01 < shares(picker)["b"] < 0.04


def test_a_new_node_begins_at_the_mean():
    """
    A node that nothing is known of gets as much as the mean of the others.
    """
    clock = Clock()
    given = candidates(a=100, b=100, c=100)
    made = balancer(clock)
    learn(made.picker(given[:2]), given[:2], clock, 0.01, 0.02)

    found = shares(made.picker(given))
    assert 1 / 3 == pytest.approx(found["c"], abs=0.03)
    assert 4 / 9 == pytest.approx(found["a"], abs=0.03)


def test_an_unknown_node_that_does_not_answer():
    """
    A new node that has not answered for ten seconds gets a fraction of the mean.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock).picker(given)
    picker.began(given[1])
    learn(picker, given[:1], clock, 0.01)
    clock.advance(10)

    assert 0.02 < shares(picker)["b"] < 0.2


def test_what_is_learned_survives():
    """
    A change of the set, and of the options, keeps what was learned.
    """
    clock = Clock()
    given = candidates(a=100, b=100, c=100)
    before, after = balancer(clock), balancer(clock, min_share=0.0)
    learn(before.picker(given), given, clock, 0.01, 0.02, 0.02)
    assert 2 / 3 == pytest.approx(shares(before.picker(given[:2]))["a"], abs=0.03)

    after.take_over(before)
    assert 2 / 3 == pytest.approx(shares(after.picker(given[:2]))["a"], abs=0.03)
