"""
Responses of generic calls: maps in the place of objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, NewType, TypeVar

import attrs
import msgspec
import pytest

from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_dubbo.generic import GenericCodec, plain
from rpcfw_hessian import (
    HessianError,
    JavaException,
    JavaLong,
    JavaObject,
    Long,
    MapEntries,
    dumps,
    java,
    java_type,
    loads,
)


@java("com.acme.Color")
class Color(Enum):
    RED = 1


@java("com.acme.Line")
@attrs.define
class Line:
    item_name: str
    color: Color | None = None


class Note(msgspec.Struct):
    text: str


@java("com.acme.Order")
@dataclass
class Order:
    id: Long
    lines: list[Line] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    prices: dict[str, Decimal] = field(default_factory=dict)
    note: Any = None
    before: Order | None = None


def codec() -> GenericCodec:
    return GenericCodec(options_of(GenericCodec.Options), plugin_context())


class TestGenericCodecContract(CodecContract):
    def make(self):
        return codec()

    def samples(self):
        order = Order(7, [Line("a", Color.RED)], {"new"}, {"a": Decimal("1.5")})
        return [
            (str, "é"),
            (Order, order),
            (list[int], [1, 2]),
            (Any, {"a": 1}),
            (int | None, None),
        ]

    def unfit(self):
        return [complex, type]


def sent(message: Any, kind: Any = Order) -> Any:
    return loads(codec().coder(kind).encode(message))


def test_objects_are_maps():
    """
    With the names of their Java classes, and of their fields in Java.
    """
    order = Order(7, [Line("a", Color.RED), Line("b")], {"new"}, {"a": Decimal("1.5")})

    assert sent(order) == {
        "class": "com.acme.Order",
        "id": 7,
        "lines": [
            {"class": "com.acme.Line", "itemName": "a", "color": "RED"},
            {"class": "com.acme.Line", "itemName": "b", "color": None},
        ],
        "tags": ["new"],
        "prices": {"a": Decimal("1.5")},
        "note": None,
        "before": None,
    }


def test_objects_without_a_java_class():
    """
    They are maps of their fields; an object that was only passed on has its class.
    """
    foreign = JavaObject("com.acme.Foreign", {"x": [Note("hi")]})

    assert sent(Note("hi"), Any) == {"text": "hi"}
    assert sent(foreign, Any) == {"class": "com.acme.Foreign", "x": [{"text": "hi"}]}


@java("com.acme.Renamed")
class Renamed(msgspec.Struct, rename="kebab"):
    item_name: str


class OnlyRenamed(msgspec.Struct, rename="kebab"):
    item_name: str


@dataclass
class OnlyHere:
    item_name: str


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Line("a"), "itemName"),
        (Renamed("a"), "item-name"),
        (OnlyRenamed("a"), "item-name"),
        (OnlyHere("a"), "item_name"),
    ],
)
def test_a_field_has_one_name(value, name):
    """
    That of other messages of its class, which reads it again.
    """
    kind = type(value)
    assert sent(value, kind)[name] == "a"
    assert bytes([len(name)]) + name.encode() in dumps(value, kind)
    assert value == codec().coder(kind).decode(codec().coder(kind).encode(value))


def test_keys_of_maps():
    """
    A constant is its name, as elsewhere. A map with keys that Python cannot hash stays a map.
    """
    entries = MapEntries([(Line("a"), Color.RED), ([1], Line("b"))])

    assert sent({Color.RED: 1}, dict[Color, int]) == {"RED": 1}
    assert sent(entries, Any) == [
        ({"class": "com.acme.Line", "itemName": "a", "color": None}, "RED"),
        ([1], {"class": "com.acme.Line", "itemName": "b", "color": None}),
    ]
    assert codec().coder(Any).encode(entries).startswith(b"HH")


@java("com.acme.Numbers")
@dataclass
class Numbers:
    one: Long = 1
    perhaps: Long | None = 2
    plain: int = 3
    many: list[Long] = field(default_factory=lambda: [4])
    by_number: dict[Long, Long] = field(default_factory=lambda: {5: 6})
    pair: tuple[int, Long] = (7, 8)
    free: Any = 9


def test_longs_stay_longs():
    """
    Maps have no types, so the bytes of a number say it: e0 to ef is a long, 80 to bf an int.
    """
    found = codec().coder(Numbers).encode(Numbers())
    names = ("one", "perhaps", "plain", "many", "byNumber", "pair", "free")
    expected = ("e1", "e2", "93", "79e4", "48e5e65a", "7a97e8", "99")
    entries = b"".join(
        bytes([len(name)]) + name.encode() + bytes.fromhex(value)
        for name, value in zip(names, expected, strict=True)
    )
    assert found == b"H\x05class\x10com.acme.Numbers" + entries + b"Z"
    assert codec().coder(Long).encode(7) == b"\xe7"
    assert codec().coder(list[Long | None]).encode([7, None]) == b"\x7a\xe7N"
    assert codec().coder(int).encode(7) == b"\x97"


T = TypeVar("T")


@java("com.acme.Page")
@dataclass
class Page(Generic[T]):
    first: T
    more: list[T] | None = None


TITLE = msgspec.Meta(title="numbers")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ((7, 8), tuple[Long, ...], [JavaLong, JavaLong]),
        ((7, 8), tuple[Long, int], [JavaLong, int]),
        ([7, "a"], list[Long | str], [JavaLong, str]),
        ([7, 8], list[Long] | str | None, [JavaLong, JavaLong]),
        ([7, 8], Annotated[list[Long], java_type("java.util.LinkedList")], [JavaLong, JavaLong]),
        ([7, 8], list[NewType("Id", Long)], [JavaLong, JavaLong]),
        # Further facts may be about a NewType or a union.
        ([7, 8], Annotated[NewType("Ids", list[Long]), TITLE], [JavaLong, JavaLong]),
        ([7, 8], Annotated[list[Long] | None, TITLE], [JavaLong, JavaLong]),
        ([7, "a"], list[Annotated[Long | str, TITLE]], [JavaLong, str]),
        ((7, 8), tuple[Annotated[NewType("Id", Long), TITLE], int], [JavaLong, int]),
        ([7], list[Annotated[NewType("Id", Long), java_type("int")]], [int]),
        ([7, 8], list, [int, int]),
        ({7: 8}, dict[Long, int] | None, [JavaLong, int]),
        ({7: 8}, Mapping[int, Long], [int, JavaLong]),
        (Page(7, [8]), Page[Long], [str, JavaLong, JavaLong]),
        (Page(7, [8]), Page[Long] | None, [str, JavaLong, JavaLong]),
        (Page(7, [8]), Page[int], [str, int, int]),
        (Page(7, [8]), Page, [str, int, int]),
        (Page(Page(7)), Page[Page[Long]], [str, str, JavaLong, type(None), type(None)]),
    ],
)
def test_longs_in_the_parts_of_a_type(value, kind, expected):
    """
    The annotation of an item is found through unions, tuples and the parameters of a class.
    """
    assert expected == [type(each) for each in parts(plain(value, {Page: "Page"}.get, kind))]


def parts(value: Any) -> Iterator[Any]:
    """
    Yield what is in lists and maps, without the names of fields.
    """
    if isinstance(value, dict):
        for key, each in value.items():
            yield from (key,) if type(key) is not str else ()
            yield from parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from parts(each)
    else:
        yield value


def test_cycles():
    """
    A map refers to itself where the object did.
    """
    order = Order(7)
    order.before = order
    found = sent(order)

    assert found["before"] is found


def test_a_value_that_is_too_deep():
    """
    The error is that of the usual messages.
    """
    value: list[Any] = []
    for _ in range(2000):
        value = [value]
    with pytest.raises(HessianError, match="too many values inside each other"):
        codec().coder(Any).encode(value)


def test_exceptions():
    """
    An exception that callers know has its class and text in one that all generic callers have.
    """

    @java("com.acme.Missing")
    class Missing(Exception):
        pass

    thrown = loads(codec().error_details(Missing("gone")))
    assert isinstance(thrown, JavaException)
    assert thrown.java_class == "org.apache.dubbo.rpc.service.GenericException"
    assert thrown.message == "com.acme.Missing: gone"
    assert thrown.fields == {"exceptionClass": "com.acme.Missing", "exceptionMessage": "gone"}
    assert codec().error_details(ValueError("a secret")) == b""
