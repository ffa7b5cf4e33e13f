"""
Latency: nodes are scored by how long attempts on them take.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import candidates
from rpcfw.testing.contracts.collector import CollectorContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.outcome import Outcome
from rpcfw_collectors.latency import Latency, LatencyOptions


def latency(clock=None, pauses=None, **texts) -> Latency:
    over = {} if pauses is None else {"pauses": pauses}
    return Latency(options_of(LatencyOptions, **texts), plugin_context(clock, **over))


def attempt(collector, one, took_s, status=Status.OK, hints=Hint.NONE) -> None:
    collector.began(one)
    collector.record(one, Outcome(status, took_s, hints))


class TestLatencyContract(CollectorContract):
    def make(self):
        return latency()


def test_in_proportion():
    """
    A node that takes four times as long as the fastest quarter has a quarter of the score.
    """
    given = candidates(a=1, b=1, c=1)
    collector = latency()
    for one, took_s in zip(given, (0.01, 0.02, 0.04), strict=True):
        attempt(collector, one, took_s)

    assert [1.0, 0.5, 0.25] == pytest.approx(collector.scores(given), rel=0.02)


def test_what_overran_its_time_is_no_answer():
    """
    The longer a node answers nothing, the worse it scores, also if each attempt ends in time.
    """
    clock = Clock()
    given = candidates(a=1, b=1)
    collector = latency(clock)
    collector.began(given[0])
    for _ in range(10):
        clock.advance(0.5)
        collector.began(given[0])
        clock.advance(0.5)
        collector.record(given[0], Outcome(Status.DEADLINE_EXCEEDED, 1.0))
    attempt(collector, given[1], 0.01)

    assert [0.001, 1.0] == pytest.approx(collector.scores(given), rel=0.1)


def test_one_fast_node_does_not_attract_all():
    """
    Of ten nodes one that is a thousand times as fast scores like the others.
    """
    given = candidates(**{f"n{number}": 1 for number in range(10)})
    collector = latency()
    for number, one in enumerate(given):
        attempt(collector, one, 0.00005 if number == 4 else 0.05)

    assert [1.0] * 10 == [*collector.scores(given)]


@pytest.mark.parametrize(
    ("texts", "score"),
    [({}, 0.5), ({"mean": "1", "p99": "0"}, 0.83), ({"mean": "0", "p99": "1"}, 0.1)],
)
def test_percentiles_count(texts, score):
    """
    A node with a few slow attempts loses by its p99, as much as the options say.
    """
    given = candidates(a=1, b=1)
    collector = latency(**texts)
    for number in range(100):
        attempt(collector, given[0], 0.01)
        attempt(collector, given[1], 0.1 if number % 50 == 0 else 0.01)

    assert score == pytest.approx(collector.scores(given)[1], rel=0.15)


def test_p999():
    """
    The 99.9th percentile sees two slow attempts in a thousand, which the 99th does not.
    """
    given = candidates(a=1, b=1)
    scores = []
    for texts in ({"mean": "0", "p99": "1"}, {"mean": "0", "p99": "0", "p999": "1"}):
        collector = latency(**texts)
        for number in range(1000):
            attempt(collector, given[0], 0.01)
            attempt(collector, given[1], 1.0 if number % 500 == 0 else 0.01)
        scores.append(collector.scores(given)[1])

    assert [1.0, 0.01] == pytest.approx(scores, rel=0.1)


def test_a_node_that_stops_answering():
    """
    A node whose attempts wait has its score cut before any of them has ended.
    """
    clock = Clock()
    given = candidates(a=1, b=1)
    collector = latency(clock)
    for one in given:
        attempt(collector, one, 0.01)
    collector.began(given[1])
    clock.advance(1)
    attempt(collector, given[0], 0.01)

    assert [1.0, 0.01] == pytest.approx(collector.scores(given), rel=0.1)


def test_a_new_node_has_time_to_answer():
    """
    A node without any answer is unknown at first, and slow after failure_latency.
    """
    clock = Clock()
    given = candidates(a=1, b=1)
    collector = latency(clock)
    attempt(collector, given[0], 0.01)
    collector.began(given[1])
    clock.advance(0.5)
    assert collector.scores(given)[1] is None

    clock.advance(0.5)
    assert 0.01 == pytest.approx(collector.scores(given)[1], rel=0.1)


def test_a_long_attempt_among_short_ones():
    """
    An attempt that takes long says nothing while later ones are answered.
    """
    clock = Clock()
    given = candidates(a=1)
    collector = latency(clock)
    collector.began(given[0])
    for _ in range(100):
        collector.began(given[0])
        clock.advance(0.1)
        collector.record(given[0], Outcome(Status.OK, 0.1))
    other = candidates(b=1)
    attempt(collector, other[0], 0.1)

    assert [1.0, 1.0] == pytest.approx(collector.scores([*given, *other]), rel=0.15)


def test_a_long_attempt_that_began_last():
    """
    A long attempt speaks against a node until one that began later is answered.
    """
    clock = Clock()
    given = candidates(a=1, b=1)
    collector = latency(clock)
    for one in given:
        attempt(collector, one, 0.1)
    collector.began(given[1])
    clock.advance(60)
    assert collector.scores(given)[1] < 0.01

    collector.began(given[1])
    clock.advance(0.1)
    collector.record(given[1], Outcome(Status.OK, 0.1))
    clock.advance(60)
    assert [1.0, 1.0] == pytest.approx(collector.scores(given), rel=0.1)


def test_own_pauses_speak_against_nobody():
    """
    While this process was paused, no node could be heard.
    """
    clock, pauses = Clock(), Pauses()
    given = candidates(a=1, b=1)
    collector = latency(clock, pauses)
    for one in given:
        attempt(collector, one, 0.01)
    collector.began(given[1])
    clock.advance(30)
    pauses.add(30)

    assert [1.0, 1.0] == [*collector.scores(given)]


def test_the_window_ends():
    """
    Slow attempts are forgotten when the window is over and others were made.
    """
    clock = Clock()
    given = candidates(a=1, b=1)
    collector = latency(clock)
    attempt(collector, given[0], 0.01)
    attempt(collector, given[1], 2.0)
    clock.advance(5)
    assert collector.scores(given)[1] < 0.01

    attempt(collector, given[1], 0.01)
    assert 1.0 == pytest.approx(collector.scores(given)[1], rel=0.1)


def test_failures():
    """
    A node that fails at once is as slow as failure_latency; business errors are answers.
    """
    given = candidates(a=1, b=1, c=1)
    collector = latency()
    attempt(collector, given[0], 0.01)
    attempt(collector, given[1], 0.0001, Status.UNAVAILABLE)
    attempt(collector, given[2], 0.01, Status.NOT_FOUND)

    assert [1.0, 0.01, 1.0] == pytest.approx(collector.scores(given), rel=0.1)


@pytest.mark.parametrize(
    ("status", "hints"), [(Status.UNAVAILABLE, Hint.NEVER_SENT), (Status.CANCELLED, Hint.NONE)]
)
def test_what_says_nothing(status, hints):
    """
    What was never sent, and what was given up early, is not measured.
    """
    given = candidates(a=1, b=1)
    collector = latency()
    for one in given:
        attempt(collector, one, 0.01)
    attempt(collector, given[1], 0.001, status, hints)

    assert [1.0, 1.0] == [*collector.scores(given)]


def test_what_was_given_up_late():
    """
    An attempt that was cancelled after longer than the node usually takes counts.
    """
    given = candidates(a=1, b=1)
    collector = latency()
    for one in given:
        attempt(collector, one, 0.01)
    for _ in range(20):
        attempt(collector, given[1], 1.0, Status.CANCELLED)

    assert collector.scores(given)[1] < 0.02


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"window": "0s"}, "window: must be above 0s"),
        ({"mean": "0", "p99": "0"}, "one of mean, p99 and p999 must be above 0"),
        ({"p99": "-1"}, "p99: must be at least 0, not -1"),
        ({"weight": "-1"}, "weight: must be 0 to 100, not -1"),
        ({"weight": "1000"}, "weight: must be 0 to 100, not 1000"),
    ],
)
def test_wrong_options(texts, message):
    """
    Options that nothing can be scored with are refused.
    """
    with pytest.raises(SettingsError, match=message):
        options_of(LatencyOptions, **texts)
