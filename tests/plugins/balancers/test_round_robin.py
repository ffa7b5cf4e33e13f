"""
Smooth weighted round robin: exact shares, no bursts, and the place is kept.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from rpcfw.spi.balancer import Picker
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.candidates import a_call, candidate, candidates
from rpcfw.testing.contracts.balancer import BalancerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_balancers.round_robin import RoundRobin


def balancer(seed: int = 0) -> RoundRobin:
    return RoundRobin(NoOptions(), plugin_context(random=Random(seed)))


class TestRoundRobinContract(BalancerContract):
    def make(self):
        return balancer()


def ids(picker: Picker, count: int, tried=()) -> list[str]:
    """
    Return the ids of so many picks.
    """
    call = a_call(tried=tuple(tried))
    return [picker.pick(call).instance.id for _ in range(count)]


def test_everybody_in_turn():
    """
    Equal candidates are picked in turn, round and round.
    """
    order = ids(balancer().picker(candidates(a=7, b=7, c=7)), 9)

    assert {"a", "b", "c"} == set(order[:3])
    assert order[:3] * 3 == order


@each(st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_shares_are_exact(weights):
    """
    Over as many picks as there are weights in all, each gets exactly its weight.
    """
    named = {f"n{number}": weight for number, weight in enumerate(weights)}
    picker = balancer().picker(candidates(**named))

    for _ in range(3):
        assert named == Counter(ids(picker, sum(weights)))


@each(st.lists(st.integers(1, 30), min_size=2, max_size=8))
def test_no_bursts(weights):
    """
    At every moment each candidate has had its share, give or take two picks.
    """
    named = {f"n{number}": weight for number, weight in enumerate(weights)}
    order = ids(balancer().picker(candidates(**named)), sum(weights))
    counts: Counter[str] = Counter()

    for done, name in enumerate(order, 1):
        counts[name] += 1
        for other, weight in named.items():
            assert abs(counts[other] - done * weight / sum(weights)) < 2


def test_the_heavy_one_is_spread():
    """
    One that gets every second call gets every second call, not all at the end.
    """
    order = ids(balancer().picker(candidates(heavy=4, a=1, b=1, c=1, d=1)), 16)

    assert all("heavy" in pair for pair in zip(order[::2], order[1::2], strict=True))


def test_the_place_is_kept():
    """
    A set that changes all the time still gives everybody the same share.
    """
    balance = balancer()
    stay = candidates(a=1, b=1, c=1, d=1)
    counts: Counter[str] = Counter()
    for number in range(100):
        picker = balance.picker([*stay, candidate(f"guest-{number}", weight=1)])
        counts.update(ids(picker, 1))

    assert {"a": 25, "b": 25, "c": 25, "d": 25} == counts


def test_the_place_is_kept_with_weights():
    """
    Heavy candidates do not gain from a set that changes all the time.
    """
    balance = balancer()
    counts: Counter[str] = Counter()
    for _ in range(400):
        counts.update(ids(balance.picker(candidates(a=3, b=1)), 1))

    assert {"a": 300, "b": 100} == counts


def test_services_do_not_meet():
    """
    One balancer that serves two services keeps a place for each.
    """
    balance = balancer()
    counts: Counter[str] = Counter()
    for _ in range(10):
        for service in ("x", "y"):
            given = [candidate(f"{service}{number}", service=service) for number in range(5)]
            counts.update(ids(balance.picker(given), 1))

    assert {2} == set(counts.values())


def test_clients_begin_at_different_places():
    """
    Clients that start together do not all call the same instance first.
    """
    given = candidates(**{f"n{number}": 1 for number in range(50)})
    first = {ids(balancer(seed).picker(given), 1)[0] for seed in range(20)}

    assert len(first) > 10


def test_thousands_of_candidates():
    """
    The turn passes over ten thousand candidates of two weights with exact shares.
    """
    named = {f"n{number}": 1 + number % 2 for number in range(10_000)}
    picker = balancer().picker(candidates(**named))

    assert named == Counter(ids(picker, sum(named.values())))


@pytest.mark.parametrize("dominant", [10, 10_000])
def test_a_retry_leaves_the_dominant_one(dominant):
    """
    A retry finds a light candidate even if its turn is far away.
    """
    given = candidates(heavy=dominant, light=1)
    picker = balancer().picker(given)

    assert {"light"} == set(ids(picker, 50, tried=given[:1]))
