"""
A place for one more entry.
"""

from __future__ import annotations

from rpcfw.spi.runtime.bounded import make_place


def test_there_is_a_place():
    """
    Below the limit nothing is forgotten.
    """
    entries = {"a": True}
    assert make_place(entries, 2, bool)
    assert {"a": True} == entries


def test_the_oldest_that_may_go():
    """
    The oldest entry that may be forgotten is; those before it become the newest.
    """
    entries = {"a": False, "b": True, "c": True}
    assert make_place(entries, 3, bool)
    assert ["c", "a"] == [*entries]


def test_none_may_go():
    """
    Of many entries only some are looked at, and each is looked at in its turn.
    """
    entries = {number: number for number in range(30)}
    found = [make_place(entries, 30, lambda number: number == 20) for _ in range(3)]
    assert [False, False, True] == found


def test_a_lower_limit():
    """
    With a limit that has become lower, several are forgotten until there is a place.
    """
    entries = dict.fromkeys(range(12), True)
    assert not make_place(entries, 3, bool)
    assert make_place(entries, 3, bool)
    assert [10, 11] == [*entries]
