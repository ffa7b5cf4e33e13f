"""
The shares that pickers state, beside those of many picks.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.kernel.settings import options_of
from rpcfw.spi.plugin import NoOptions
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.outcome import Outcome
from rpcfw_balancers.consistent_hash import ConsistentHash
from rpcfw_balancers.lalb import Lalb
from rpcfw_balancers.least_active import LeastActive
from rpcfw_balancers.p2c import P2C
from rpcfw_balancers.round_robin import RoundRobin
from rpcfw_balancers.weighted_random import WeightedRandom

PICKS = 20_000


def made(plugin, **options):
    clock = Clock()
    chosen = options_of(plugin.Options, **options) if options else plugin.Options
    if plugin.Options is NoOptions:
        chosen = NoOptions()
    elif not options:
        chosen = options_of(plugin.Options)
    return plugin(chosen, plugin_context(clock, random=Random(3))), clock


def assert_as_picked(picker, call, tolerance=0.015):
    """
    Check the stated shares against many picks, with nothing begun meanwhile.
    """
    shares = picker.shares(call)
    found = Counter(picker.pick(call) for _ in range(PICKS))

    for one in {*shares.of, *found}:
        assert abs(shares.of.get(one, 0.0) - found[one] / PICKS) <= tolerance, one.instance.id
    return shares


@pytest.mark.parametrize("plugin", [WeightedRandom, RoundRobin])
def test_by_weight(plugin):
    """
    Shares by weight are exact, for random picks and for turns; the drained get none.
    """
    balancer, _ = made(plugin)
    given = candidates(a=100, b=50, c=50, d=0)
    shares = assert_as_picked(balancer.picker(given), a_call())

    assert shares.exact
    assert {given[0]: 0.5, given[1]: 0.25, given[2]: 0.25} == shares.of


def test_all_are_drained():
    """
    Of nodes that are all drained, the shares are those of the picks, too.
    """
    for plugin in (WeightedRandom, RoundRobin, LeastActive, P2C, Lalb):
        balancer, _ = made(plugin)
        assert_as_picked(balancer.picker(candidates(a=0, b=0, c=0)), a_call())


@pytest.mark.parametrize("choices", ["2", "3", "10"])
def test_least_active(choices):
    """
    The shares of the next call are exact, whether all nodes are compared or some are drawn.
    """
    balancer, _ = made(LeastActive, choices=choices)
    given = candidates(a=100, b=50, c=200, d=100, e=100)
    for one, in_flight in zip(given, (1, 1, 4, 0, 1), strict=True):
        one.in_flight = in_flight
    shares = assert_as_picked(balancer.picker(given), a_call())

    assert shares.exact
    assert pytest.approx(0.01) == shares.scores[given[0]]


def test_two_choices():
    """
    The shares under two choices follow the loads and the weights; the worst of all gets none.
    """
    balancer, clock = made(P2C, max_probe_share="0%")
    given = candidates(a=100, b=50, c=200, d=100, e=100)
    picker = balancer.picker(given)
    for one, took_s in zip(given, (0.01, 0.02, 0.02, 0.5, 0.01), strict=True):
        picker.began(one)
        picker.record(one, Outcome(Status.OK, took_s))
    clock.advance(0.001)
    shares = assert_as_picked(picker, a_call())

    assert shares.of[given[3]] == 0
    assert shares.scores[given[3]] > shares.scores[given[0]]


def test_lalb():
    """
    The shares follow the weights that were measured; a node that was not measured has the mean.
    """
    balancer, clock = made(Lalb)
    given = candidates(a=100, b=100, c=100)
    picker = balancer.picker(given)
    for _ in range(200):
        for one, took_s in zip(given[:2], (0.01, 0.04), strict=True):
            picker.began(one)
            clock.advance(took_s)
            picker.record(one, Outcome(Status.OK, took_s))
    shares = assert_as_picked(picker, a_call())

    assert shares.of[given[0]] > 3 * shares.of[given[1]]
    assert not shares.exact


def test_the_node_of_a_key():
    """
    A key has one node, with all of its calls, until that node is overloaded.
    """
    balancer, _ = made(ConsistentHash, key="argument id")
    given = candidates(a=100, b=100, c=100)
    picker, call = balancer.picker(given), a_call(request={"id": 7})
    shares = assert_as_picked(picker, call)
    (home,) = shares.of
    home.in_flight = 50
    moved = picker.shares(call)

    assert {home: 1.0} == shares.of
    assert home not in moved.of
    assert assert_as_picked(picker, a_call()).of[home] == pytest.approx(1 / 3)
