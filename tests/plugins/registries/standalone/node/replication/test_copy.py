"""
The copy of one registry server.
"""

from __future__ import annotations

from random import Random

from rpcfw_registries.standalone.node.replication.copy import BUCKETS, Copy
from rpcfw_registries.standalone.node.replication.messages import Entry, State, parts


def entry(id, counter=1, state=State.LIVE, node="n", record=b"{}"):
    return Entry("demo.A", id, counter, node, state, "owner", record)


def copy_of(*entries, max_removed=1000):
    copy = Copy(max_removed)
    for each in entries:
        copy.put(each, 0.0)
    return copy


def test_the_same_entries_have_the_same_hash():
    """
    The hash depends on what is live, not on the order or on what was there before.
    """
    entries = [entry(f"i{number}", number) for number in range(500)]
    one = copy_of(*entries)
    Random(1).shuffle(entries)
    other = copy_of(entry("i7", 3), entry("gone"), *entries, entry("gone", 2, State.REMOVED))
    assert one.hash == other.hash
    assert one.hashes() == other.hashes()
    assert 500 == one.live == other.live


def test_only_what_differs_is_exchanged():
    """
    The bucket of a changed entry differs, and no other.
    """
    entries = [entry(f"i{number}", number) for number in range(500)]
    one, other = copy_of(*entries), copy_of(*entries, entry("i7", 1000))
    (bucket,) = one.different(other.hashes())
    assert BUCKETS > bucket
    assert entry("i7", 7) in one.entries([bucket])
    assert 20 > len(list(one.entries([bucket])))


def test_removals_are_forgotten():
    """
    After their time, and the oldest first when they are too many.
    """
    copy = Copy(2)
    for number in range(3):
        copy.put(entry(f"i{number}", state=State.REMOVED), float(number))
    assert copy.get(("demo.A", "i0")) is None
    copy.forget_removed(2.0, 10)
    assert copy.get(("demo.A", "i1")) is None
    assert copy.get(("demo.A", "i2")) is not None


def test_who_keeps_what():
    """
    The live entries of a node are found, and a node that keeps none is not named.
    """
    copy = copy_of(entry("a"), entry("b", node="m"), entry("a", 2, State.REMOVED))
    assert ["m"] == copy.nodes()
    assert [entry("b", node="m")] == copy.kept_by("m", 10)
    assert [] == copy.kept_by("n", 10)


def test_parts_are_bounded():
    """
    Entries are cut by number and by size, and none is lost.
    """
    small = [entry(f"i{number}") for number in range(1200)]
    assert [500, 500, 200] == [len(part) for part in parts(small)]
    large = [entry(f"i{number}", record=bytes(16 << 10)) for number in range(40)]
    assert [15, 15, 10] == [len(part) for part in parts(large)]
