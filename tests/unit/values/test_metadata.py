"""
Metadata: ordered pairs that every wire can carry.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.values.metadata import EMPTY, Metadata

NAMES = st.from_regex(r"[0-9a-z_.\-]{1,20}", fullmatch=True).filter(
    lambda name: not name.endswith("-bin")
)
TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
PAIRS = st.lists(
    st.one_of(
        st.tuples(NAMES, TEXTS), st.tuples(NAMES.map(lambda name: name + "-bin"), st.binary())
    )
).map(tuple)


@given(PAIRS)
def test_pairs_are_kept(pairs):
    """
    Order, repeated names and values are kept.
    """
    metadata = Metadata.of(pairs)

    assert pairs == tuple(metadata)
    assert len(pairs) == len(metadata)
    for name, _ in pairs:
        assert name in metadata
        assert metadata.all(name) == tuple(value for key, value in pairs if key == name)
        assert metadata.get(name) == metadata.all(name)[0]


@given(PAIRS, PAIRS)
def test_adding(first, second):
    """
    Adding appends, and leaves both as they were.
    """
    before, added = Metadata.of(first), Metadata.of(second)

    assert first + second == before.plus(added).pairs
    assert (first, second) == (before.pairs, added.pairs)


@given(PAIRS, PAIRS)
def test_equality(first, second):
    """
    Metadata with the same pairs are equal and hash the same; others are not.
    """
    assert (first == second) == (Metadata.of(first) == Metadata.of(second))
    assert hash(Metadata.of(first)) == hash(Metadata(first))


@pytest.mark.parametrize("source", [None, {}, [], (), EMPTY])
def test_nothing_is_the_one_empty(source):
    """
    Nothing in any form is the one shared empty metadata.
    """
    assert Metadata.of(source) is EMPTY
    assert EMPTY.plus(source) is EMPTY


def test_names_become_lower_case():
    """
    Names are lower-case on every wire, so they are made so.
    """
    assert (("x-user", "Bob"),) == Metadata.of({"X-User": "Bob"}).pairs


def test_what_is_missing():
    """
    A name that is not there gives the default.
    """
    assert EMPTY.get("a") is None
    assert EMPTY.get("a", "x") == "x"
    assert EMPTY.all("a") == ()


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("", "x"), "name ''"),
        (("a b", "x"), "name 'a b'"),
        (("a\n", "x"), "name"),
        ((":path", "x"), "name ':path'"),
        (("grüße", "x"), "name"),
        (("a", "x\ny"), "printable ASCII"),
        (("a", "x\n"), "printable ASCII"),
        (("a", "grüße"), "printable ASCII"),
        (("a", b"x"), "printable ASCII"),
        (("a", 5), "printable ASCII"),
        (("a-bin", "x"), "must be bytes"),
        (("a-BIN", "x"), "must be bytes"),
        ((5, "x"), "name 5"),
    ],
)
def test_what_no_wire_can_carry(pair, told):
    """
    A name or a value that some wire could not carry is refused at once.
    """
    with pytest.raises(ValueError, match=told):
        Metadata.of([pair])


def test_values_are_not_shown():
    """
    Values may be credentials: they are not in the representation.
    """
    shown = repr(Metadata.of({"authorization": "Bearer hunter2", "k-bin": b"hunter2"}))

    assert "hunter2" not in shown
    assert "authorization" in shown
