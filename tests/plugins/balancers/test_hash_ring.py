"""
The ring of a consistent hash: even shares, and few keys that move.
"""

from __future__ import annotations

from collections import Counter

import pytest

from rpcfw_balancers.hash_ring import HashRing, hash_of

KEYS = [f"key-{number}" for number in range(4000)]


def owners(ring: HashRing) -> list[str]:
    return [next(ring.from_key(key)) for key in KEYS]


def ring(size: int, points: int = 100) -> HashRing:
    return HashRing({f"node-{number}": points for number in range(size)})


def test_a_place_is_the_same_everywhere():
    """
    A key's place is its BLAKE2b-64 hash (b2sum -l 64): clients of all versions agree.
    """
    assert 16088922830040103232 == hash_of("key-1")
    assert "node-7" == next(ring(10).from_key("key-1"))


@pytest.mark.parametrize("size", [2, 10, 50])
def test_shares_are_even(size):
    """
    No node has more than 1.5 times its share of the keys.
    """
    counts = Counter(owners(ring(size)))

    assert max(counts.values()) < 1.5 * len(KEYS) / size


def test_shares_follow_the_points():
    """
    A node with three times the points has about three times the keys.
    """
    counts = Counter(owners(HashRing({"a": 100, "b": 300})))

    assert 2.2 < counts["b"] / counts["a"] < 4


@pytest.mark.parametrize("size", [3, 10, 50])
def test_one_that_leaves(size):
    """
    Only the keys of the one that leaves move, at most 1/n + 5 % of all, to all the others.
    """
    whole = ring(size)
    for gone in whole.counts:
        left = HashRing({name: 100 for name in whole.counts if name != gone})
        pairs = list(zip(owners(whole), owners(left), strict=True))
        moved = [after for before, after in pairs if before != after]

        assert {gone} == {before for before, after in pairs if before != after}
        assert len(moved) <= (1 / size + 0.05) * len(KEYS)
        assert len(set(moved)) > (size - 1) / 3


def test_a_ring_made_of_another():
    """
    A ring that is made from another one is the ring that is made afresh.
    """
    counts = {"a": 100, "b": 50, "d": 100, "e": 7}
    fresh = HashRing(counts)
    changed = HashRing(counts, HashRing({"a": 100, "b": 100, "c": 100}))

    assert owners(fresh) == owners(changed)
    assert list(fresh.from_key("x")) == list(changed.from_key("x"))


def test_once_around():
    """
    From each key on, every point comes once.
    """
    made = ring(3, points=10)

    assert {"node-0": 10, "node-1": 10, "node-2": 10} == Counter(made.from_key("x"))
