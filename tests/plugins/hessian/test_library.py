"""
The library as a program uses it: its own classes, several values in a message, limits.
"""

from __future__ import annotations

import datetime as dt
import gc
import linecache
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import attrs
import msgspec
import pytest

from rpcfw_hessian import (
    Char,
    Float,
    HessianError,
    Instant,
    Int,
    JavaException,
    JavaLong,
    JavaObject,
    Limits,
    Long,
    Schema,
    Short,
    StackFrame,
    Timestamp,
    dumps,
    java,
    java_type,
    loads,
)
from tests.plugins.hessian.vectors import ENCODED

T = TypeVar("T")


@java("com.acme.State")
class State(Enum):
    NEW = "n"
    SENT = "s"


@java("com.acme.Line")
class Line(msgspec.Struct):
    article: str
    count: Int = 1


@java("com.acme.Order")
@dataclass
class Order:
    order_id: Long
    lines: list[Line]
    state: State = State.NEW
    tags: Annotated[set[str], java_type("java.util.TreeSet")] = field(default_factory=set)
    parent: Order | None = None


@java("com.acme.Address")
@attrs.frozen
class Address:
    street: str = attrs.field(validator=attrs.validators.min_len(1))
    zip_code: str | None = None


@java("com.acme.BigOrder")
@dataclass
class BigOrder(Order):
    discount: Decimal = Decimal(0)


@dataclass
class Plain:
    first_name: str
    child: Plain | None = None


@java("com.acme.Page")
@dataclass
class Page(Generic[T]):
    items: list[T]


@java("com.acme.NoSuchOrder")
class NoSuchOrder(Exception):
    order_id: int


ORDER = Order(7, [Line("tea", 2), Line("cup")], State.SENT, {"a"})


class Level(IntEnum):
    LOW = 1
    LEAST = 1


class Access(Flag):
    READ = 1
    WRITE = 2


@pytest.mark.parametrize(
    ("value", "type"),
    [
        (ORDER, Order),
        ([ORDER, ORDER], list[Order]),
        (Address("Long Road", "12345"), Address),
        (BigOrder(1, [], discount=Decimal("0.10")), Order),
        (Plain("Bob", Plain("Ann")), Plain),
        (Page([Line("tea")]), Page[Line]),
        ((1, "x"), tuple[int, str]),
        ((1, 2, 3), tuple[int, ...]),
        (frozenset({1, 2}), frozenset[int]),
        ({1: [2.5]}, dict[int, list[float]]),
        ({State.NEW: 1}, dict[State, int]),
        (2**100, int),
        (-(2**100), int),
        (dt.timedelta(days=-1, microseconds=5), dt.timedelta),
        (dt.time(1, 2, 3, 4), dt.time),
        (dt.date(2020, 2, 29), dt.date),
        (UUID(int=2**127 + 5), UUID),
        ("a", Literal["a", 1]),
        (1, int | str),
        ("x", int | str),
        ({"a": 1}, dict[str, int] | list[int] | None),
        (None, dict[str, int] | list[int] | None),
    ],
    ids=repr,
)
def test_values_come_back(value, type):
    """
    What is written for a type is read as equal by it.
    """
    assert value == loads(dumps(value, type), type)


@pytest.mark.parametrize("bits", [0, 3, 4, 11, 18, 31, 32, 62])
def test_a_long_has_one_form(bits):
    """
    A long in a list has the same bytes as one alone, around each border between two forms.
    """
    longs = [sign * 2**bits + step for sign in (-1, 1) for step in (-1, 0, 1)]

    assert b"".join(dumps(each, Long) for each in longs) == dumps(longs, list[Long])[1:]
    assert longs == loads(dumps(longs, list[Long]), list[Long])


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_long_of_more_than_64_bits_in_a_list(value):
    """
    It is refused, with its place.
    """
    with pytest.raises(HessianError, match="of 64 bits"):
        dumps([1, value], list[Long])


@java("com.acme.Pages")
@dataclass
class Pages:
    lines: Page[Line]
    numbers: Page[int]
    more: Any = None


def test_a_generic_class_with_different_parameters():
    """
    A generic class may stand in one message with different parameters, and each is checked.
    """
    pages = Pages(Page([Line("tea")]), Page([1]), Page(["x"]))

    assert pages == loads(dumps(pages), Pages)
    data = dumps(
        JavaObject("com.acme.Pages", {"lines": Page([Line("tea")]), "numbers": Page([Line("tea")])})
    )
    with pytest.raises(HessianError, match=r"numbers.items\[0\]: expected int, got Line"):
        loads(data, Pages)
    shared = Page([Line("tea")])
    data = dumps(JavaObject("com.acme.Pages", {"lines": shared, "numbers": shared}))
    with pytest.raises(
        HessianError, match=r"expected list\[int\], got a reference to one with Line"
    ):
        loads(data, Pages)


@java("com.acme.Empty")
@dataclass
class Empty:
    pass


class Bare(msgspec.Struct):
    pass


@pytest.mark.parametrize("value", [Empty(), Bare()])
def test_a_class_without_fields(value):
    """
    Nothing is in it, and it comes back.
    """
    assert value == loads(dumps(value, type(value)), type(value))
    assert [value] == loads(dumps([value], list[type(value)]), list[type(value)])


def test_a_definition_without_fields():
    """
    A peer may define a class with fewer fields than it has here, or with none.
    """
    assert loads(b"C\x0ecom.acme.Empty\x91\x01x\x60\x91", Empty) == Empty()
    with pytest.raises(HessianError, match="Line"):
        loads(b"C\x0dcom.acme.Line\x90\x60", Line)


def test_fields_have_javas_names():
    """
    A field is camelCase in Java; of a class without a Java class it is a key of a map.
    """
    assert {"orderId", "lines", "state", "tags", "parent"} == set(loads(dumps(ORDER)).fields)
    assert {"first_name": "Bob", "child": None} == loads(dumps(Plain("Bob")))


def test_an_undecorated_class_by_its_java_name():
    """
    A schema may name the Java class of a Python class that has none.
    """
    schema = Schema(names={"com.acme.Person": Plain})
    data = schema.dumps(Plain("Bob"))

    assert JavaObject("com.acme.Person", {"firstName": "Bob", "child": None}) == loads(data)
    assert Plain("Bob") == schema.loads(data)


def test_classes_of_a_schema_are_read_wherever_they_come():
    """
    Without a type, classes that the schema knows are made, and others are generic.
    """
    data = dumps([ORDER, Address("Road")])

    order, address = Schema([Order]).loads(data)

    assert ORDER == order
    assert "com.acme.Address(street='Road', zipCode=None)" == repr(address)
    assert isinstance(loads(data)[0], JavaObject)


def test_an_object_as_a_map():
    """
    An object that Java wrote as a map is read where its class is expected.
    """
    assert Line("tea", 3) == loads(dumps({"article": "tea", "count": 3, "more": [1]}), Line)
    assert Line("tea") == loads(b"M\x0dcom.acme.Line\x07article\x03teaZ", Line)


def test_fields_may_be_missing_or_unknown():
    """
    A field with a default may be missing, and an unknown one is left out.
    """
    java_line = JavaObject("com.acme.Line", {"other": 1, "article": "tea"})

    assert Line("tea") == loads(dumps(java_line), Line)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": 1}, "expected a field article of Line, got none"),
        ({"article": None}, "article: expected str, got null; annotate str | None"),
        ({"article": 5}, "article: expected str, got int"),
        ({"article": "tea", "count": 1.5}, "count: expected int, got float"),
    ],
)
def test_a_mistake_names_its_place(fields, message):
    """
    What does not fit is an error that says where it is, what was expected and what came.
    """
    with pytest.raises(HessianError) as caught:
        loads(dumps([JavaObject("com.acme.Line", fields)]), list[Line])

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "type", "message"),
    [
        (Line("tea", "two"), Line, "count: expected int, got str"),
        (2**31, Int, "expected a Java int, of 32 bits"),
        (2**63, Long, "expected a Java long, of 64 bits"),
        ("ab", Char, "expected a Java char, one character up to U.FFFF, got 'ab' of 2"),
        ("", Char | None, "expected a Java char"),
        (["\U0001f600"], list[Char], r"\[0\]: expected a Java char"),
        (5, Char, "expected str, got int"),
        (1e39, Float, "expected a Java float, of 32 bits, got 1e.39"),
        ([-3.5e38], list[Float], r"\[0\]: expected a Java float"),
        # An int that a double is equal to would be written as this double.
        (2**128, Float, "expected a Java float, of 32 bits, got 340282366920938463463374607431"),
        pytest.param(-(2**5000), Float, "Java float.*an integer of 5001 bits", id="a large single"),
        ("1", Float | None, "expected float, got str"),
        (True, int, "expected int, got bool"),
        (1j, Any, "cannot carry complex"),
        (dt.datetime(2020, 1, 1), Annotated[dt.datetime, java_type("java.util.Date")], "zone"),  # noqa: DTZ001
        (Decimal("NaN"), Decimal, "finite"),
        pytest.param(1 << 20_000, Short, "an integer of 20001 bits", id="a large short"),
        pytest.param(1 << 20_000, float, "expected float, got int", id="a large float"),
        (Access.READ | Access.WRITE, Access, "one constant of Access"),
        (Access.READ | Access.WRITE, Any, "one constant of Access"),
    ],
)
def test_what_does_not_fit_is_not_written(value, type, message):
    """
    A value that is not of its type is refused where it is written, not in Java.
    """
    with pytest.raises(HessianError, match=message):
        dumps(value, type)


@pytest.mark.parametrize("type", [complex, list[complex], object()])
def test_types_that_hessian_cannot_carry(type):
    """
    A type that cannot be carried is refused before any value comes.
    """
    with pytest.raises(TypeError):
        Schema().shape(type)


class Foreign:
    """
    A class of no kind that Hessian could carry.
    """


@java("com.acme.First")
@dataclass
class First:
    second: Second | None = None


@java("com.acme.Second")
@dataclass
class Second:
    first: First
    line: Line
    foreign: Foreign


@dataclass
class Unresolved:
    field: NoSuchName  # noqa: F821


def test_a_type_is_refused_again():
    """
    A type that cannot be carried is refused each time, and so is what refers to it.
    """
    schema = Schema()
    for type in (First, Second, First, list[First]):
        with pytest.raises(TypeError, match="Foreign"):
            schema.shape(type)
    with pytest.raises(TypeError, match="NoSuchName"):
        schema.shape(Unresolved)

    assert Line("tea") == schema.loads(dumps(Line("tea")), Line)


def test_a_schema_leaves_nothing():
    """
    The source of functions is forgotten with the schema that needed them.
    """

    def lines() -> int:
        gc.collect()
        return len([name for name in linecache.cache if name.startswith("<rpcfw_hessian")])

    before = lines()
    schema = Schema()
    schema.loads(schema.dumps(ORDER, Order), Order)
    assert lines() > before
    del schema

    assert before == lines()


def test_validators_and_hooks_run():
    """
    A class of attrs checks its fields as in its constructor.
    """
    with pytest.raises(HessianError, match="Address refuses its fields"):
        loads(dumps(JavaObject("com.acme.Address", {"street": ""})), Address)


def test_cycles():
    """
    An object may refer to one around it.
    """
    order = Order(1, [])
    order.parent = order

    found = loads(dumps(order), Order)

    assert found is found.parent


def test_several_values_share_references():
    """
    Values that are written one after the other refer to objects and classes before them.
    """
    schema = Schema()
    encoder = schema.encoder()
    encoder.write("2.0.2", str)
    encoder.write(ORDER, Order)
    first = encoder.take()
    encoder.write([ORDER], list[Order])
    decoder = schema.decoder(first + encoder.take())

    version, one, (same,) = decoder.read(str), decoder.read(Order), decoder.read(list[Order])

    assert ("2.0.2", ORDER) == (version, one)
    assert same is one
    assert decoder.at_end


def test_a_reference_to_another_type():
    """
    A value that is shared is checked at each place where it stands.
    """
    shared = [1, "x"]
    data = dumps([shared, shared])

    with pytest.raises(HessianError, match=r"list\[int\]"):
        loads(data, tuple[list[Any], list[int]])


def test_an_exception_of_the_program():
    """
    A Python exception with a Java class keeps message, fields and cause.
    """
    error = NoSuchOrder("no order 7")
    error.order_id = 7
    error.__cause__ = JavaException("java.io.IOException", "disk")

    found = loads(dumps(error), NoSuchOrder)

    assert ("no order 7", 7, "java.io.IOException: disk") == (
        str(found),
        found.order_id,
        str(found.__cause__),
    )


def test_what_is_an_exception():
    """
    An object is an exception by its stack trace or its name, not by a message alone.
    """
    fields = {"detailMessage": "out"}

    assert isinstance(loads(dumps(JavaObject("com.acme.ShopException", fields))), JavaException)
    assert isinstance(loads(dumps(JavaException("com.acme.Sold", "out"))), JavaException)
    assert isinstance(loads(dumps(NoSuchOrder("out"))), JavaException)
    assert JavaObject("com.acme.Report", fields) == loads(
        dumps(JavaObject("com.acme.Report", fields))
    )


def test_fields_of_an_exception_are_checked():
    """
    A field of an exception has its annotated type, as those of other classes.
    """
    error = NoSuchOrder("no order 7")
    error.order_id = 7
    data = dumps(error).replace(b"\x97", b"\x01x")

    with pytest.raises(HessianError, match="expected int, got str"):
        loads(data, NoSuchOrder)


def test_a_java_exception():
    """
    An exception without a Python class keeps all that Java says.
    """
    frame = StackFrame("com.acme.Shop", "sell", "Shop.java", 12)
    error = JavaException("com.acme.Sold", "out", stack_trace=(frame,), fields={"code": 5})

    found = loads(dumps(error))

    assert ("com.acme.Sold: out", {"code": 5}) == (str(found), found.fields)
    assert ["at com.acme.Shop.sell(Shop.java:12)"] == [str(each) for each in found.stack_trace]


def test_many_small_maps_of_numbers():
    """
    The same few numbers may be keys of many maps.
    """
    value = [{0: "a", 1: "b", Decimal(1) / 3: "c"} for _ in range(20_000)]

    assert value == loads(dumps(value))


@pytest.mark.parametrize(
    ("limits", "value"),
    [
        (Limits(max_depth=2), [[[]]]),
        (Limits(max_objects=2), [[], []]),
        (Limits(max_length=40), "a" * 41),
        (Limits(max_length=1000), "a" * 1001),
        (Limits(max_length=3), b"abcd"),
        (Limits(max_length=3), [1, 2, 3, 4]),
        (Limits(max_length=3), {"a": 1, "b": 2, "c": 3, "d": 4}),
        (Limits(max_hashed=3), {1: 0, 2: 0, 3: 0, 4: 0, 5: 0}),
        (Limits(classes=("com.acme.*",)), JavaObject("org.evil.Thing")),
    ],
)
def test_limits(limits, value):
    """
    What is above a limit is refused.
    """
    with pytest.raises(HessianError):
        Schema(limits=limits).loads(dumps(value))
    assert value == loads(dumps(value))


@java("com.acme.Times")
@dataclass
class Times:
    at: Instant
    stored: Timestamp
    zoned: Annotated[dt.datetime, java_type("java.time.OffsetDateTime")]


@java("com.acme.Counts")
@dataclass
class Counts:
    items: list[int]
    array: Annotated[list[int], java_type("int[]")]
    again: list[int]


def test_a_value_that_is_two_classes_in_java():
    """
    Each place gets its own class: Java takes no reference to an Instant for a Timestamp.
    """
    now, numbers = dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc), [1, 2]

    times = loads(dumps([Times(now, now, now)] * 2))
    (counts,) = loads(dumps([Counts(numbers, numbers, numbers)]))

    assert times[0] is times[1]
    assert b"java.sql.Timestamp" in dumps(Times(now, now, now))
    assert b"OffsetDateTimeHandle" in dumps(Times(now, now, now))
    assert counts["items"] is counts["again"]
    assert counts["items"] is not counts["array"]
    assert [1, 2] == counts["items"] == counts["array"]


@pytest.mark.parametrize("type", [Any, Level])
def test_the_name_of_a_constant(type):
    """
    An Enum is written by its name in Java: not by an alias, nor by the int that it is too.
    """
    assert "LOW" == loads(dumps(Level.LEAST, type))
    assert Level.LOW is loads(dumps(Level.LEAST, type), Level)


def test_a_cause_without_a_java_class():
    """
    It is left out, and the exception comes all the same.
    """
    error = NoSuchOrder("no order 7")
    error.order_id = 7
    error.__cause__ = KeyError("a secret")

    found = loads(dumps(error), NoSuchOrder)

    assert ("no order 7", None) == (str(found), found.__cause__)
    assert b"secret" not in dumps(error)


@pytest.mark.parametrize("value", [0, -8, 15, 16, 2048, 262144, 1 << 31])
def test_a_long_without_a_type(value):
    """
    It is as hessian-lite writes it, whatever its value; what is read is a plain int.
    """
    written = ENCODED[f"long {value}"].head
    assert dumps(JavaLong(value)) == written
    assert dumps({"a": [JavaLong(value)]}) == b"H\x01a\x79" + written + b"Z"
    assert type(loads(dumps(JavaLong(value)))) is int
    with pytest.raises(HessianError, match="of 64 bits"):
        dumps(JavaLong(1 << 63))
