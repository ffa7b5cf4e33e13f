"""
Adaptive: nodes get calls by their scores and weights.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.collector import Collector, CollectorOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.testing.contracts.balancer import BalancerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.outcome import Outcome
from rpcfw_balancers.adaptive import Adaptive, AdaptiveOptions

OK = Outcome(Status.OK, 0.01)


class Fixed(Collector):
    """
    Scores by id as a test says, and notes what it learns.
    """

    learns = True

    def __init__(self, weight=1.0, **by_id):
        super().__init__(CollectorOptions(weight=weight), plugin_context())
        self.by_id = by_id
        self.asked = 0
        self.events = []

    def scores(self, candidates):
        self.asked += 1
        return [self.by_id.get(one.instance.id) for one in candidates]

    def began(self, candidate):
        self.events.append(("began", candidate.instance.id))

    def record(self, candidate, outcome):
        self.events.append((outcome.status.name, candidate.instance.id))

    def take_over(self, before):
        self.by_id = before.by_id

    async def start(self):
        self.events.append("start")

    async def stop(self):
        self.events.append("stop")


def balancer(*collectors, clock=None, **texts) -> Adaptive:
    options = options_of(AdaptiveOptions, **{"max_probe_share": "0%", **texts})
    return Adaptive(options, plugin_context(clock, random=Random(0)), collectors)


class TestAdaptiveContract(BalancerContract):
    def make(self):
        return balancer(Fixed(a=0.1, b=1.0), Fixed(weight=2.0, a=0.5), max_probe_share="2%")


def shares(picker, count=20_000):
    """
    Return the share of each id among the picks.
    """
    found = Counter(picker.pick(a_call()).instance.id for _ in range(count))
    return {id: picks / count for id, picks in found.items()}


def test_score_times_weight():
    """
    A node with a score of 0.8 gets 80 % of the calls that one with 1 gets, for the same weight.
    """
    given = candidates(a=100, b=100, c=300)
    found = shares(balancer(Fixed(a=1.0, b=0.8, c=0.4)).picker(given))

    assert {"a": 1 / 3, "b": 0.8 / 3, "c": 1.2 / 3} == pytest.approx(found, abs=0.015)


@pytest.mark.parametrize(
    ("combine", "weights", "ratio"),
    [
        ("product", (1.0, 1.0), 0.5 * 0.8),
        ("product", (2.0, 1.0), 0.25 * 0.8),
        ("product", (0.0, 1.0), 0.8),
        ("mean", (1.0, 1.0), 0.65),
        ("mean", (3.0, 1.0), 0.575),
    ],
)
def test_weights_of_collectors(combine, weights, ratio):
    """
    Scores are multiplied to the power of their weights, or averaged with them.
    """
    given = candidates(a=100, b=100)
    collectors = Fixed(weights[0], a=1.0, b=0.5), Fixed(weights[1], a=1.0, b=0.8)
    found = shares(balancer(*collectors, combine=combine).picker(given))

    assert ratio == pytest.approx(found["b"] / found["a"], rel=0.06)


def test_an_appraisal():
    """
    With mean, 10, 8 and 8 points that count 30, 30 and 40 percent are 8.6 points.
    """
    given = candidates(best=100, b=100)
    collectors = [
        Fixed(weight, best=1.0, b=score) for weight, score in ((0.3, 1.0), (0.3, 0.8), (0.4, 0.8))
    ]
    found = shares(balancer(*collectors, combine="mean").picker(given), 50_000)

    assert 0.86 == pytest.approx(found["b"] / found["best"], rel=0.03)


def test_unknown_is_the_mean():
    """
    A node without a score counts as the mean of the others; if none has one, all are equal.
    """
    given = candidates(a=100, b=100, c=100)
    found = shares(balancer(Fixed(a=1.0, b=0.2)).picker(given))
    assert 0.6 == pytest.approx(found["c"] / found["a"], rel=0.05)

    found = shares(balancer(Fixed()).picker(given))
    assert {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3} == pytest.approx(found, abs=0.015)


def test_scores_out_of_range():
    """
    Scores below 0 and above 1, and those that are no numbers, do no harm.
    """
    given = candidates(a=100, b=100, c=100, d=100)
    found = shares(balancer(Fixed(a=5.0, b=-3.0, c=float("nan"))).picker(given))

    assert {"a": 0.75, "d": 0.25} == pytest.approx({id: found.get(id, 0) for id in "ad"}, abs=0.015)


def test_all_are_bad():
    """
    If every score is 0, calls go by weight.
    """
    given = candidates(a=300, b=100)
    found = shares(balancer(Fixed(a=0.0, b=0.0)).picker(given))

    assert {"a": 0.75, "b": 0.25} == pytest.approx(found, abs=0.015)


def test_retries_go_by_score():
    """
    A retry among many tried nodes still prefers the better of those that are left.
    """
    given = candidates(a=100, b=100, c=100, d=100)
    picker = balancer(Fixed(a=1.0, b=1.0, c=1.0, d=0.1)).picker(given)
    found = Counter(
        picker.pick(a_call(tried=(given[0], given[1]))).instance.id for _ in range(5000)
    )

    assert 1 / 11 == pytest.approx(found["d"] / 5000, abs=0.02)


def test_scores_are_computed_at_intervals():
    """
    However many calls there are, collectors are asked once in an interval.
    """
    clock, told = Clock(), Fixed()
    picker = balancer(told, clock=clock, interval="1s").picker(candidates(a=1, b=1))
    for _ in range(100):
        clock.advance(0.1)
        for _ in range(20):
            picker.pick(a_call())

    assert 10 <= told.asked <= 11


def test_large_sets_are_scored_less_often():
    """
    The scores of 5,000 nodes are computed a tenth as often as those of 500.
    """
    clock, told = Clock(), Fixed()
    given = candidates(**{f"n{number}": 1 for number in range(5000)})
    picker = balancer(told, clock=clock, interval="1s").picker(given)
    for _ in range(200):
        clock.advance(0.1)
        picker.pick(a_call())

    assert 2 <= told.asked <= 3


def test_a_bad_node_is_probed():
    """
    A node that is sent nothing gets an attempt a second, at most one in fifty of all.

    None while one is in flight on it.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    picker = balancer(Fixed(a=1.0, b=0.0), clock=clock, max_probe_share="2%").picker(given)
    probes = 0
    for _ in range(2000):
        clock.advance(0.01)
        picked = picker.pick(a_call())
        picker.began(picked)
        picker.record(picked, OK)
        probes += picked is given[1]
    assert 14 <= probes <= 24

    given[1].in_flight = 1
    later = Counter()
    for _ in range(2000):
        clock.advance(0.01)
        picked = picker.pick(a_call())
        later[picked.instance.id] += 1
        if picked is given[0]:
            picker.began(picked)
    assert later["b"] <= 6


def test_probes_outlast_changes_of_the_set():
    """
    A node with a bad score is probed even if there is a new picker every ten calls.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    adaptive = balancer(Fixed(a=1.0, b=0.0), clock=clock, max_probe_share="2%")
    probes = 0
    for number in range(1000):
        clock.advance(0.01)
        if number % 10 == 0:
            picker = adaptive.picker(given)
        picked = picker.pick(a_call())
        picker.began(picked)
        probes += picked is given[1]

    assert probes >= 7


def test_probes_outlast_changes_of_the_options():
    """
    A node with a bad score is probed even if the options are replaced every ten calls.
    """
    clock = Clock()
    given = candidates(a=100, b=100)
    adaptive = balancer(Fixed(a=1.0, b=0.0), clock=clock, max_probe_share="2%")
    probes = 0
    for number in range(1000):
        clock.advance(0.01)
        if number % 10 == 0:
            before = adaptive
            adaptive = balancer(Fixed(a=1.0, b=0.0), clock=clock, max_probe_share="2%")
            adaptive.take_over(before)
            picker = adaptive.picker(given)
        picked = picker.pick(a_call())
        picker.began(picked)
        probes += picked is given[1]

    assert 4 <= probes <= 20


def test_many_bad_nodes_are_probed_in_turn():
    """
    Probes of a hundred nodes that nobody calls are at most two in a hundred calls.
    """
    clock = Clock()
    given = candidates(good=100, **{f"n{number}": 100 for number in range(100)})
    told = Fixed(good=1.0, **{f"n{number}": 0.0 for number in range(100)})
    picker = balancer(told, clock=clock, max_probe_share="2%").picker(given)
    probed = Counter()
    for _ in range(10_000):
        clock.advance(0.01)
        picked = picker.pick(a_call())
        picker.began(picked)
        picker.record(picked, OK)
        probed[picked.instance.id] += picked is not given[0]

    assert sum(probed.values()) < 10_000 * 0.13  # a tenth by their lowest score, and the probes
    assert 101 == len(probed)


def test_collectors_learn():
    """
    Those that learn get each attempt's begin and end, even with a weight of 0.
    """
    told, ignored = Fixed(), Fixed(weight=0.0)
    given = candidates(a=1)
    picker = balancer(told, ignored).picker(given)
    picker.pick(a_call())
    picker.began(given[0])
    picker.record(given[0], OK)

    assert [("began", "a"), ("OK", "a")] == told.events == ignored.events
    assert 0 == ignored.asked


def test_collectors_are_started_and_stopped():
    """
    They are started and stopped with their balancer, and the options keep what is known.
    """
    told = Fixed(a=0.5)
    before = balancer(told)
    for each in (before.start(), before.stop()):
        spawn(each)
    assert ["start", "stop"] == told.events

    new = Fixed()
    balancer(new).take_over(before)
    assert {"a": 0.5} == new.by_id


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"collectors": ""}, "name at least one collector"),
        ({"interval": "1ms"}, "interval: must be at least 10ms, not 1ms"),
        ({"combine": "sum"}, "combine: "),
    ],
)
def test_wrong_options(texts, message):
    """
    Options that nothing can be scored with are refused.
    """
    with pytest.raises(SettingsError, match=message):
        options_of(AdaptiveOptions, **texts)
