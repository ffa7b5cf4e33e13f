"""
Messages that are one object of scalars and short lists, which have a way of their own.

Guards: the short way and the usual one read the same values, write the same bytes, and refuse
the same messages for the same reasons.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import permutations
from math import inf
from typing import Any

import attrs
import msgspec
import pytest

from rpcfw_hessian import Char, Float, HessianError, JavaObject, Limits, Long, Schema, java
from rpcfw_hessian.plain import PlainReader


@java("acme.Order")
@dataclass
class Order:
    number: int = 0
    price: float = 0.0
    paid: bool = False
    remark: str | None = None
    lines: list[Long] = field(default_factory=list)
    notes: list[str] | None = None

    def __post_init__(self) -> None:
        if self.number == 666:
            raise ValueError("no such number")


@java("acme.Struct")
class Struct(msgspec.Struct):
    number: Long
    texts: list[str]


@java("acme.Frozen")
@attrs.frozen
class Frozen:
    number: int
    texts: list[str]


@java("acme.Letters")
@dataclass
class Letters:
    first: Char
    second: Char | None
    others: list[Char]
    weight: Float = 0.0
    more: list[Float] = field(default_factory=list)


_SHARED = [1, 2]
_TEXTS = ["a", "ü" * 40, "好" * 700, "x" * 1023, "y" * 1024, "😀"]
VALUES = [
    Order(),
    Order(number=1 << 40, price=12.25, paid=True, remark="two", lines=[1, -300, 1 << 50]),
    Order(price=100.0, notes=["a"] * 7, lines=[7] * 8),
    Order(lines=[1 << 20, -(1 << 20), (1 << 31) - 1]),
    Order(lines=[1 << 40, -(1 << 40)] * 23 + [1 << 62]),
    Order(lines=[1 << 20, 1 << 40, 1 << 20]),
    Order(price=-0.125, notes=["a"] * 47, lines=[1 << 20] * 48),
    *(Order(remark=text, notes=[text, text]) for text in _TEXTS),
    Struct(number=5, texts=["a", "b"]),
    Frozen(number=70_000, texts=[]),
    Letters(first="x", second="ü", others=["a", "好"]),
    Letters("x", None, [], 1, [inf, -inf, 3.4028235e38, -0.5, 7.0]),
]


def usual_read(schema: Schema, data: bytes, type: Any) -> Any:
    decoder = schema.decoder(data)
    value = decoder.read(type)
    decoder.check_end()
    return value


def usual_write(schema: Schema, value: Any, type: Any) -> bytes:
    encoder = schema.encoder()
    encoder.write(value, type)
    return encoder.take()


def outcome(function: Any, *arguments: Any) -> Any:
    """
    Return what a function returns, or the text of its error.
    """
    try:
        return function(*arguments)
    except HessianError as error:
        return str(error)


@pytest.mark.parametrize("value", VALUES)
def test_both_ways_are_one(value):
    """
    A message is written and read alike in both ways, also once the short way has learned it.
    """
    schema, kind = Schema(), type(value)
    data = usual_write(schema, value, kind)
    load = schema.loader(kind)

    assert data == schema.dumper(kind)(value)
    assert [value] * 3 == [load(data) for _ in range(3)]


@pytest.mark.parametrize("value", VALUES[:4])
def test_a_damaged_message(value):
    """
    A message that is cut, or of which a byte is another, has the result of the usual way.
    """
    schema, kind = Schema(), type(value)
    data = usual_write(schema, value, kind)
    load = schema.loader(kind)
    load(data)
    damaged = [data[:size] for size in range(len(data))] + [data + b"N"]
    begin = len(usual_write(schema, Order(), Order)) - 8
    for place in range(begin, len(data)):
        damaged += [data[:place] + bytes((each,)) + data[place + 1 :] for each in range(256)]

    for each in damaged:
        # A damaged double may be a NaN, which is equal to nothing.
        assert repr(outcome(usual_read, schema, each, kind)) == repr(outcome(load, each))


@pytest.mark.parametrize("tag", [b"I", b"Y", b"L"])
def test_small_numbers_in_a_large_form(tag):
    """
    A peer may write any integer in any form that has the space: all in one, or some.
    """
    schema = Schema()
    load = schema.loader(Order)
    written = schema.dumps(Order(lines=[1, -2, 3]), Order)
    large = [tag + each.to_bytes(8 if tag == b"L" else 4, "big", signed=True) for each in (1, -2)]
    for items in (
        b"".join(large) + b"\xe3",
        b"\xe1" + large[1] + b"\xe3",
        b"".join(large) + large[0],
    ):
        data = written.replace(b"\x7b\xe1\xde\xe3", b"\x7b" + items)
        load(written)

        assert usual_read(schema, data, Order) == load(data)
        assert [1, -2] == load(data).lines[:2]


@pytest.mark.parametrize("value", [Order(lines=[1]), Order(lines=[1] * 48), 7])
def test_bytes_before_a_message(value):
    """
    They are before it in both ways, and change nothing about it.
    """
    schema, kind = Schema(), type(value)

    assert b"before" + schema.dumps(value, kind) == schema.dumper(kind, b"before")(value)


@pytest.mark.parametrize(
    "value",
    [
        Order(number="1"),
        Order(number=1 << 70),
        Order(lines=[1 << 70]),
        Order(remark=b""),
        Order(lines=(1,)),
        Order(notes=[None]),
        Frozen(number=1 << 40, texts=["a", 1]),
        None,
    ],
)
def test_what_does_not_fit(value):
    """
    What cannot be written is refused with the place of the mistake.
    """
    kind = Frozen if isinstance(value, Frozen) else Order
    schema = Schema()
    expected = outcome(usual_write, schema, value, kind)

    assert expected == outcome(schema.dumper(kind), value)


def test_the_cause_of_an_error():
    """
    An error names the mistake once: that two ways were tried is nothing to its reader.
    """
    schema = Schema()
    with pytest.raises(HessianError) as caught:
        schema.dumper(Order)(Order(lines=[1 << 70]))

    assert caught.value.__context__ is None


def test_one_list_in_two_places():
    """
    It is written as a reference, and read as one list; also after the class was learned.
    """

    @java("acme.Two")
    @dataclass
    class Two:
        first: list[int]
        second: list[int]

    schema = Schema()
    load, dump = schema.loader(Two), schema.dumper(Two)
    assert Two([1], [1]) == load(dump(Two([1], [1])))
    shared = load(dump(Two(_SHARED, _SHARED)))

    assert shared.first is shared.second
    assert Two([], []) == load(dump(Two(*[[]] * 2)))


def test_a_class_that_refuses_its_fields():
    """
    The error of its own check is the one of the usual way.
    """
    schema = Schema()
    load = schema.loader(Order)
    load(schema.dumps(Order(number=1), Order))
    bad = Order()
    bad.number = 666

    with pytest.raises(HessianError, match="Order refuses its fields: no such number"):
        load(schema.dumps(bad, Order))


def test_orders_of_fields():
    """
    A peer may send the fields in any order, in more orders than are learned.
    """
    schema = Schema()
    load = schema.loader(Frozen)
    for _ in range(2):
        for extra in range(8):
            names = [*(f"x{number}" for number in range(extra)), "texts", "number"]
            head = [b"C", schema.dumps("acme.Frozen"), schema.dumps(len(names))]
            values = [*([b"N"] * extra), b"\x79\x01a", b"\x91"]
            data = b"".join((*head, *map(schema.dumps, names), b"\x60", *values))

            assert Frozen(number=1, texts=["a"]) == load(data)


def test_orders_of_all_fields():
    """
    The same, where the class has all of them.
    """
    schema = Schema()
    load = schema.loader(Order)
    values = {"number": 7, "price": 1.5, "paid": True, "remark": "a"}
    for _ in range(2):
        for names in permutations(values):
            fields = {name: values[name] for name in names}
            data = schema.dumps(JavaObject("acme.Order", fields))
            assert Order(**values) == load(data)


def test_a_peer_with_many_orders():
    """
    It does not keep the others away: the order of fields that comes often is learned.
    """
    schema = Schema()
    shape = schema.shape(Order)
    plain = PlainReader(shape, schema.limits)
    values = {"number": 7, "price": 1.5, "paid": True, "remark": "a"}

    def message(names: Iterable[str]) -> bytes:
        return schema.dumps(JavaObject("acme.Order", {name: values[name] for name in names}))

    def learn(data: bytes) -> None:
        decoder = schema.decoder(data)
        decoder.read_shape(shape)
        plain.learn(decoder, 0)

    for names in permutations(values):
        learn(message(names))
    usual = message(("number", "price"))
    learn(usual)
    assert plain.read(usual, 0) is None
    for _ in range(100):
        learn(usual)
    assert plain.read(usual, 0) == (Order(number=7, price=1.5), len(usual))


def test_names_of_a_peer_do_not_stay():
    """
    Fields that the class does not have leave nothing, however many there are.
    """
    schema = Schema()
    load = schema.loader(Order)
    tracemalloc.start()
    for message in range(4):
        names = {f"{message}.{number}": None for number in range(5000)}
        load(schema.dumps(JavaObject("acme.Order", names)))
    del names
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken < 256 << 10


@pytest.mark.parametrize("limits", [Limits(max_depth=1), Limits(max_objects=2)])
def test_limits(limits):
    """
    Limits that are smaller than a plain message hold too.
    """
    data = Schema().dumps(Order(lines=[1], notes=["a"]), Order)
    load = Schema(limits=limits).loader(Order)

    for _ in range(2):
        with pytest.raises(HessianError, match="expected at most"):
            load(data)
