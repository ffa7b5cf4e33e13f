"""
What two servers have stored for one scope, joined.
"""

from __future__ import annotations

from random import Random

import pytest

from rpcfw.errors import RegistryError
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, RuleChange
from rpcfw_registries.rules.merging import merge
from rpcfw_registries.rules.records import (
    MAX_CHANGES,
    MAX_HISTORY_BYTES,
    DocumentRecord,
    documents_from,
    documents_to,
    history_from,
    history_to,
)
from rpcfw_registries.rules.store import NOTHING, Stored, stamp_of


def put(stored, body, who="ann", kind="policies", id=None):
    """
    Return what is stored after a change.
    """
    record = DocumentRecord(0) if stored is NOTHING else documents_from(stored.documents)
    now = record.find(kind)
    number = record.version + 1
    change = RuleChange(number, kind, who, 0.0, "", now.body if now else None, body)
    documents = documents_to(record.changed(change, id or f"{who} {number}"))
    history = history_to((change, *history_from(stored.history)))
    return Stored(documents, history, stamp_of(documents))


def bodies(stored):
    return {kind: one.body for kind, one in documents_from(stored.documents).by_kind().items()}


def joined(one, other):
    """
    Return what both have after they have taken the other's.
    """
    first, second = merge(one, other).stored, merge(other, one).stored
    assert first == second
    assert merge(first, one).stored == merge(first, first).stored == first
    return first


def test_what_is_newer_is_taken_as_it_is():
    """
    A server that has missed changes gets exactly the record that it lacks.
    """
    first = put(NOTHING, "one")
    second = put(first, "two")
    assert second == joined(first, second) == joined(NOTHING, second)
    assert () == merge(first, second).conflicts


def test_a_conflict_is_an_entry_of_the_history():
    """
    It has the text that does not hold before the one that does, and a version of its own.
    """
    first = put(NOTHING, "one")
    both = joined(put(first, "a", "ann"), put(first, "b", "bob"))
    decided, *others = history_from(both.history)
    assert (3, "bob", "a", "b") == (
        decided.version,
        decided.who,
        decided.before,
        decided.after,
    )
    assert "conflict: ann has changed" in decided.reason
    assert ["b", "a", "one"] == [one.after for one in others]
    assert {"policies": "b"} == bodies(both)


def test_the_later_version_holds():
    """
    More changes on one side win, whatever their random ids are.
    """
    first = put(NOTHING, "one")
    long = put(put(first, "a", id="a"), "aa", id="aa")
    assert {"policies": "aa"} == bodies(joined(long, put(first, "b", id="z")))


def test_a_removal_may_win_and_may_lose():
    """
    It is a change as every other: a side that did not know of it has no say.
    """
    first = put(NOTHING, "one")
    removed = put(first, None, "zoe")
    assert {} == bodies(joined(first, removed))
    assert {} == bodies(joined(put(first, "a", "ann"), removed))
    assert {"policies": "aa"} == bodies(joined(put(put(first, "a"), "aa"), removed))


def test_records_with_large_documents_may_not_fit_together():
    """
    That is an error, as it is for who puts them at one server.
    """
    largest = "x" * MAX_DOCUMENT_BYTES
    one = put(put(NOTHING, largest), largest, kind="instances")
    other = put(NOTHING, largest, "bob", kind="more")
    with pytest.raises(ValueError, match="at most"):
        merge(one, other)
    with pytest.raises(RegistryError):
        put(one, largest, kind="more")


def test_a_damaged_record_is_replaced():
    """
    A server whose own record cannot be read takes that of another; a damaged one is refused.
    """
    good, bad = put(NOTHING, "one"), Stored(b"{", b"?", "x")
    assert good == merge(bad, good).stored
    with pytest.raises(ValueError, match="not a record"):
        merge(good, bad)
    with pytest.raises(ValueError, match="history"):
        merge(NOTHING, Stored(good.documents, b"x" * (MAX_HISTORY_BYTES + 1), ""))
    huge = documents_to(DocumentRecord(1 << 60))
    with pytest.raises(ValueError, match="not a record"):
        merge(good, Stored(huge, b"", ""))


def test_records_without_ids_converge():
    """
    Records that somebody has written by hand name no changes.
    """
    by_hand = Stored(documents_to(DocumentRecord(7)), b"", "")
    both = joined(by_hand, put(NOTHING, "one"))
    assert {"policies": "one"} == bodies(both)
    assert 8 == documents_from(both.documents).version
    other = Stored(documents_to(DocumentRecord(8)), b"", "")
    joined(joined(both, other), joined(joined(by_hand, other), both))


def test_long_histories_converge():
    """
    Of many large changes on both sides, as many are kept as fit, the same on both sides.
    """
    random = Random(3)
    sides = [put(NOTHING, "one")] * 2
    for who, index in (("ann", 0), ("bob", 1)):
        for _ in range(MAX_CHANGES):
            body = "".join(random.choices("abcdefghij", k=40_000))
            sides[index] = put(sides[index], body, who)
    one, other = sides
    for _ in range(3):
        one, other = merge(one, other).stored, merge(other, one).stored
    assert one == other
    assert len(one.history) <= MAX_HISTORY_BYTES
