"""
P2C: of two candidates, the one that costs less and has less to do.
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
from rpcfw_balancers.p2c import P2C, P2COptions


def balancer(clock=None, **options) -> P2C:
    values = {"decay": 10.0, "failure_latency": 1.0, "probe_after": 1.0, "max_probe_share": 0.02}
    made = P2COptions(**{**values, **options})
    return P2C(made, plugin_context(clock, random=Random(0)))


class TestP2CContract(BalancerContract):
    def make(self):
        return balancer()


def ok(took_s: float) -> Outcome:
    return Outcome(Status.OK, took_s)


def shares(picker, count: int = 2000) -> Counter[str]:
    """
    Return how often each id is picked, with nothing in flight.
    """
    return Counter(picker.pick(a_call()).instance.id for _ in range(count))


def known(picker, given, clock, *took_s) -> None:
    for one, each in zip(given, took_s, strict=True):
        picker.began(one)
        picker.record(one, ok(each))
    clock.advance(0.001)


def test_the_lower_latency_wins():
    """
    The slowest of three is never picked, and the fastest whenever it is drawn.
    """
    clock = Clock()
    given = candidates(a=100, b=100, c=100)
    picker = balancer(clock).picker(given)
    known(picker, given, clock, 0.01, 0.02, 0.5)
    found = shares(picker)

    assert {"a", "b"} == set(found)
    assert 0.6 < found["a"] / 2000 < 0.73


def test_what_is_in_flight_counts():
    """
    A node that is twice as fast gets attempts until it has two for one of the other.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock).picker(given)
    known(picker, given, clock, 0.01, 0.0201)
    for _ in range(9):
        picker.pick(a_call()).in_flight += 1

    assert [6, 3] == [one.in_flight for one in given]


def test_a_peak_counts_at_once():
    """
    One slow answer after a hundred fast ones takes the node out; its average falls slowly.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock, max_probe_share=0.0).picker(given)
    for _ in range(100):
        known(picker, given, clock, 0.01, 0.012)
    picker.record(given[0], ok(1.0))
    assert {"b"} == set(shares(picker))

    for _ in range(40):
        clock.advance(1)
        picker.record(given[1], ok(0.012))
    assert {"b"} == set(shares(picker))
    for _ in range(10):
        clock.advance(1)
        picker.record(given[1], ok(0.012))
    assert {"a"} == set(shares(picker))


def test_failures_are_no_low_latency():
    """
    A node that fails at once loses against one that answers in 50 ms.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock, max_probe_share=0.0).picker(given)
    known(picker, given, clock, 0.01, 0.05)
    for _ in range(10):
        clock.advance(0.1)
        picker.record(given[0], Outcome(Status.UNAVAILABLE, 0.0001))
        picker.record(given[1], ok(0.05))

    assert {"b"} == set(shares(picker))


def test_one_failure_among_many_answers():
    """
    A share of failures of one percent leaves a node in use that is three times as fast.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock, max_probe_share=0.0).picker(given)
    for number in range(1000):
        clock.advance(0.01)
        bad = number % 100 == 50
        picker.record(given[0], Outcome(Status.INTERNAL if bad else Status.OK, 0.01))
        picker.record(given[1], ok(0.03))

    assert {"a"} == set(shares(picker))


@pytest.mark.parametrize(
    ("status", "hints"),
    [
        (Status.NOT_FOUND, Hint.NONE),
        (Status.FAILED_PRECONDITION, Hint.NONE),
        (Status.UNAVAILABLE, Hint.NEVER_SENT),
        (Status.CANCELLED, Hint.NONE),
    ],
)
def test_what_is_no_failure(status, hints):
    """
    Business errors, what was never sent and what was given up do not speak against a node.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock, max_probe_share=0.0).picker(given)
    known(picker, given, clock, 0.01, 0.05)
    for _ in range(50):
        picker.record(given[0], Outcome(status, 0.01, hints))

    assert {"a"} == set(shares(picker))


def test_an_unknown_node_gets_one_attempt():
    """
    A new node gets one attempt, and no second one before that has ended.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock).picker(given)
    picker.record(given[0], ok(0.5))
    picker.record(given[0], ok(0.5))
    assert picker.pick(a_call()) is given[1]
    given[1].in_flight += 1
    picker.began(given[1])

    assert {"a"} == set(shares(picker, 100))


def test_a_loser_is_probed():
    """
    A node that always loses gets an attempt a second, at most one in fifty of all.

    An answer as fast as the others' has it used again.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock).picker(given)
    known(picker, given, clock, 0.01, 2.0)
    probes = 0
    for _ in range(1000):
        clock.advance(0.01)
        picked = picker.pick(a_call())
        picker.began(picked)
        picker.record(picked, ok(0.01 if picked is given[0] else 2.0))
        probes += picked is given[1]
    assert 9 <= probes <= 10

    clock.advance(1)
    for _ in range(60):
        picked = picker.pick(a_call())
        picker.began(picked)
        picker.record(picked, ok(0.01))
    assert {"a", "b"} == set(shares(picker))


def test_a_busy_loser_is_not_probed():
    """
    A node that has not answered what it got gets no probe.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock).picker(given)
    known(picker, given, clock, 0.01, 0.01)
    given[1].in_flight = 3
    clock.advance(100)

    assert {"a"} == set(shares(picker))


def test_what_is_known_survives():
    """
    A change of the set, and of the options, keeps what was measured.
    """
    clock = Clock()
    given = candidates(a=100, b=100, c=100)
    before, after = balancer(clock), balancer(clock, decay=5.0)
    known(before.picker(given), given, clock, 0.01, 0.02, 0.5)
    assert {"b"} == set(shares(before.picker(given[1:])))

    after.take_over(before)
    assert {"b"} == set(shares(after.picker(given[1:])))


def test_equal_nodes_share_by_weight():
    """
    Nodes that cost the same get attempts in proportion to their weights.
    """
    given = candidates(a=300, b=200, c=100)
    picker = balancer().picker(given)
    for one in given:
        picker.record(one, ok(0.01))
    found = shares(picker, 20_000)

    # The first draw follows the weights and wins ties.
    assert abs(found["a"] / 20_000 - 1 / 2) < 0.02
    assert abs(found["c"] / 20_000 - 1 / 6) < 0.02


def test_a_probe_that_is_given_up():
    """
    A probe that its caller cancels does not make a slow node look fast.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(clock, max_probe_share=1.0).picker(given)
    known(picker, given, clock, 0.01, 2.0)
    clock.advance(1)
    assert given[1] in [picker.pick(a_call()) for _ in range(2)]
    picker.began(given[1])
    picker.record(given[1], Outcome(Status.CANCELLED, 0.001))

    assert {"a"} == set(shares(picker, 100))


def test_probes_in_a_set_that_changes():
    """
    A set that changes every few picks does not keep a node that has recovered from its probe.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    made = balancer(clock)
    known(made.picker(given), given, clock, 0.01, 2.0)
    clock.advance(1)
    picked = [made.picker(given).pick(a_call()).instance.id for _ in range(60)]

    assert "b" in picked
