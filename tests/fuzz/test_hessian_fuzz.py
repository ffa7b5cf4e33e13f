"""
Invariant: whatever bytes come, a Hessian message is a value or a `HessianError`.

Nothing else is raised, whatever type is expected. Memory is in proportion to the message, and
so is time. References make no copies.
"""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw_hessian import HessianError, JavaException, JavaObject, Limits, Schema, dumps
from rpcfw_hessian.source import Source
from tests.fuzz.test_wire_fuzz import MUTATIONS, mutated
from tests.plugins.hessian.vectors import ENCODED, REPLIES
from tests.property.test_hessian import THINGS, Color, Part, Thing

#: What a schema takes for functions that it writes for an order of fields, and the most that a
#: byte of a message becomes: an object without fields.
CONSTANT_BYTES = 1 << 20
BYTES_PER_BYTE = 600

TYPES = st.sampled_from(
    [
        Any,
        Thing,
        list[Thing],
        dict[str, Any],
        dict[int, list[str]],
        set[int],
        tuple[int, str],
        tuple[Part, ...],
        frozenset[Color],
        Color | None,
        int | str | list[float] | None,
        str,
        float,
        bytes,
    ]
)
SCHEMA = Schema([Thing])
VALID = [
    each.head for each in (*ENCODED.values(), *REPLIES.values()) if each.whole and each.size < 2000
]


def hold(data: bytes, type: Any) -> Any:
    """
    Read a message and check the invariant; return the value, or None for an error.
    """
    value = None
    tracemalloc.start()
    with suppress(HessianError):
        value = SCHEMA.loads(data, type)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= CONSTANT_BYTES + BYTES_PER_BYTE * len(data)
    return value


@given(THINGS, MUTATIONS, TYPES)
def test_objects_mutilated(thing, mutations, type):
    """
    An object with any changes made to its bytes is a value or an error.
    """
    hold(mutated(dumps(thing), mutations), type)


@given(st.sampled_from(VALID), MUTATIONS, TYPES)
def test_what_java_writes_mutilated(data, mutations, type):
    """
    What Java writes, with any changes made to it, is a value or an error.
    """
    hold(mutated(data, mutations), type)


@given(st.binary(max_size=300), TYPES)
def test_bytes_without_sense(data, type):
    """
    Bytes that nobody meant to send are a value or an error.
    """
    hold(data, type)


#: Tags that begin containers, references and definitions, so that more of them fit together.
GRAMMAR = st.lists(
    st.one_of(
        st.sampled_from([b"z", b"W", b"H", b"Z", b"C\1a\x91\1b", b"\x60", b"Q\x90", b"M\1a"]),
        st.sampled_from([b"X\xd7\xff\xff", b"V\4[int\x91", b"R\1\0", b"O\x91", b"N", b"q\x90"]),
        st.sampled_from([b"\x01a", b"\x90", b"I\x7f\xff\xff\xff", b"J" + bytes(8), b"\x78"]),
        st.binary(max_size=2),
    ),
    max_size=60,
).map(b"".join)


@given(GRAMMAR, TYPES)
def test_parts_of_messages_in_any_order(data, type):
    """
    Lists, maps, objects and references in any order are a value or an error.
    """
    hold(data, type)


LONG = 100_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"I", "end of the message"),
        (b"", "end of the message"),
        (b"X" + b"I\x7f\xff\xff\xff", "expected at most 0 values in 0 bytes"),
        (b"X\x80", "expected at most 0 values in 0 bytes, got -16"),
        (b"V\4[intI\x7f\xff\xff\xff", "expected at most 0 values in 0 bytes"),
        (b"C\1aI\x7f\xff\xff\xff", "expected at most 0 values in 0 bytes"),
        (b"S\xff\xff", "end of the message"),
        (b"B\xff\xff", "end of the message"),
        (b"z" * LONG, "values inside each other"),
        (b"H\1a" * LONG, "values inside each other"),
        (b"C\1a\x91\1b" + b"\x60" * LONG, "values inside each other"),
        (b"C\0\x90" * LONG, "4096 classes"),
        (b"R\0\0" * LONG, "end of the message"),
        (b"A\0\0" * LONG, "end of the message"),
        (b"Q\x90", "expected a reference to one of 0 objects before it, got number 0"),
        (b"\x60", "expected a reference to one of 0 classes before it"),
        (b"q\x90\x90", "expected a reference to one of 0 types before it"),
        (b"C\1a\x92\1b\1b\x60", "got one twice"),
        (b"J\x7f" + b"\xff" * 7, "years 1 to 9999"),
        (b"\1\xff", "expected"),
        (b"\2\xf0\x9f\x98\x80a", "UTF-8 of four bytes"),
        (b"G", "which begins no value"),
        (b"\x90\x90", "1 more bytes"),
    ],
)
def test_known_attacks(data, message):
    """
    What one would think of first is an error that says what is wrong.
    """
    with pytest.raises(HessianError) as caught:
        Schema().loads(data)

    assert message in str(caught.value)


def test_more_objects_than_may_come():
    """
    A message of empty lists, one byte each, ends at the limit of objects.
    """
    count = 300_000
    with pytest.raises(HessianError, match="250000 lists, maps and objects"):
        Schema().loads(b"X" + b"I" + count.to_bytes(4, "big") + b"\x78" * count)


def test_a_reference_makes_no_copy():
    """
    A list that is referred to a hundred thousand times is one list.
    """
    size = 10_000
    shared = b"X" + dumps(size) + b"\x90" * size
    data = b"X" + dumps(LONG + 1) + shared + b"Q\x91" * LONG

    found = hold(data, Any)
    typed = hold(data, list[list[int]])

    assert {id(each) for each in found} == {id(found[0])}
    assert {id(each) for each in typed} == {id(typed[0])}


def test_lists_of_references_to_each_other():
    """
    Lists that hold the list before twice, deep as the limit allows, are read in no time.
    """
    level: list[Any] = []
    for _ in range(100):
        level = [level, level]

    found = hold(dumps(level), Any)

    assert found[0] is found[1]


def test_keys_with_the_same_hash():
    """
    A map of numbers that all have the same hash ends early, before they take long to compare.
    """
    numbers = [each * (2**61 - 1) for each in range(70)]
    assert 1 == len({hash(number) for number in numbers})
    entries = b"".join(dumps(number) + b"N" for number in numbers)

    with pytest.raises(HessianError, match="too many of the same"):
        Schema().loads(b"H" + entries + b"Z")


def test_many_orders_of_fields(monkeypatch):
    """
    A peer that defines a class in ever other ways is served, and has no code written for each.
    """
    written = []
    function = Source.function
    monkeypatch.setattr(
        Source, "function", lambda self, about: (written.append(about), function(self, about))[1]
    )
    schema = Schema([Part])
    for turn in range(100):
        fields = {f"y{turn}": None, "name": "a", f"x{turn}": 1}
        assert Part("a") == schema.loads(dumps(JavaObject("com.acme.Part", fields)))

    assert 0 < len(written) <= 20


def test_a_class_outside_the_allow_list():
    """
    A class that may not come is refused before its fields are read, as object, map and list.

    Those of the JDK may, and those that the program has.
    """
    schema = Schema([Thing], limits=Limits(classes=("com.shop.*",)))

    for data in (dumps(JavaObject("org.evil.Bean")), b"M\x06evil.BZ", b"p\x08[[evil.B"):
        with pytest.raises(HessianError, match="not among those that may come"):
            schema.loads(data)
    allowed = [JavaObject("com.shop.B"), {1}, Decimal(1), Thing(1, more=2**70)]
    assert allowed == schema.loads(dumps(allowed))


def test_an_error_has_no_payload():
    """
    What an error says has no text of the message in it.
    """
    data = dumps(JavaException("a.B", "secret"))
    with pytest.raises(HessianError) as caught:
        Schema().loads(data[:-3] + b"\xff\xff\xff", Thing)

    assert "sec" not in str(caught.value)


def test_names_in_errors_are_harmless():
    """
    A name of a class that a peer chose is cut in an error, and has no line of its own.
    """
    evil = "x.\n" + "a" * 1000
    schema = Schema(limits=Limits(classes=("com.acme.*",)))
    for data in (dumps(JavaObject(evil)), b"zC" + dumps(evil) + b"\x92\1a\1a\x60"):
        with pytest.raises(HessianError) as caught:
            schema.loads(data)
        assert len(str(caught.value)) < 300
        assert "\n" not in str(caught.value)
