"""
A few of many instances.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.subset import SubsetRouter

FLEET = [candidate(f"node-{n}") for n in range(100)]


def router(seed=0, **options: str) -> SubsetRouter:
    context = plugin_context(random=Random(seed))
    return SubsetRouter(options_of(SubsetRouter.Options, **options), context)


def subset(given=FLEET, **options) -> set[str]:
    """
    Return the ids of those that are left.
    """
    return {one.instance.id for one in router(**options).narrow(a_call(), given)}


def subsets(given, clients: int, size: int) -> list[set[str]]:
    """
    Return the instances of each client.
    """
    options = {"size": str(size), "clients": str(clients)}
    return [subset(given, client=str(number), **options) for number in range(clients)]


class TestSubsetContract(RouterContract):
    def make(self):
        return router(size="2", client="1", clients="3")


class TestRandomSubsetContract(RouterContract):
    def make(self):
        return router(size="3")


@pytest.mark.parametrize(("clients", "size"), [(40, 20), (30, 7), (7, 30), (250, 3)])
def test_each_instance_has_as_many_clients(clients, size):
    """
    Each instance has clients x size / instances clients, give or take one.
    """
    counts = Counter(id for ids in subsets(FLEET, clients, size) for id in ids)
    mean = clients * size / 100

    assert {size} == {len(ids) for ids in subsets(FLEET, clients, size)}
    assert all(abs(counts[one.instance.id] - mean) <= 1 for one in FLEET)


def test_few_change():
    """
    When an instance leaves, no client changes more than two of its instances.
    """
    before = subsets(FLEET, 40, 10)
    for gone in range(0, 100, 7):
        after = subsets(FLEET[:gone] + FLEET[gone + 1 :], 40, 10)

        assert all(len(new - old) <= 2 for old, new in zip(before, after, strict=True))


def test_the_order_of_the_list_does_not_matter():
    """
    The registry's order of instances changes nothing.
    """
    mixed = Random(1).sample(FLEET, 100)

    assert subset(size="5", client="1", clients="4") == subset(
        mixed, size="5", client="1", clients="4"
    )


def test_those_that_take_no_calls_do_not_count():
    """
    Drained and unreachable instances in the subset are made up for by others.
    """
    ids = subset(size="5", client="0", clients="4")
    ill = [candidate(f"node-{n}", reachable=f"node-{n}" not in ids) for n in range(100)]
    drained = [candidate(f"node-{n}", weight=f"node-{n}" not in ids) for n in range(100)]

    for given in ill, drained:
        left = subset(given, size="5", client="0", clients="4")
        assert ids < left
        assert 10 == len(left)


def test_a_random_place():
    """
    Clients without numbers begin at places of their own, and keep them when options change.
    """
    assert 1 < len({frozenset(subset(seed=seed, size="5")) for seed in range(5)})

    before, after = router(seed=1, size="5"), router(seed=2, size="6")
    after.take_over(before)
    five, six = before.narrow(a_call(), FLEET), after.narrow(a_call(), FLEET)
    assert set(map(id, five)) < set(map(id, six))


def test_a_place_that_is_drawn_late():
    """
    The place is drawn when it is needed: what was made before a fork is not yet at any.
    """
    made = router(seed=1, size="5")
    made.plugin_context.random.seed(2)
    assert made.place == router(seed=2, size="5").place != router(seed=1, size="5").place


def test_small_sets_are_used_whole():
    """
    A set that is not larger than the subset is used whole.
    """
    assert {"node-0", "node-1"} == subset(FLEET[:2], size="2")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"size": "0"}, "at least 1, not 0"),
        ({"client": "1"}, "set client and clients"),
        ({"clients": "1"}, "set client and clients"),
        ({"client": "0", "clients": "0"}, "between 1 and 1000000"),
        ({"client": "3", "clients": "3"}, "between 0 and 2, not 3"),
    ],
)
def test_mistakes(options, reason):
    """
    A place that is on no ring is refused.
    """
    with pytest.raises(SettingsError, match=reason):
        router(**options)
