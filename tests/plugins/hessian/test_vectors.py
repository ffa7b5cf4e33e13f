"""
Bytes of hessian-lite are read as the values that they are, and the values written as the bytes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest

from rpcfw_hessian import (
    BigInteger,
    Byte,
    Char,
    Float,
    Instant,
    Int,
    JavaException,
    JavaObject,
    Long,
    MapEntries,
    Schema,
    Short,
    Timestamp,
    dumps,
    java,
    java_type,
    loads,
)
from tests.plugins.hessian.vectors import ENCODED, REPLIES

MORNING = dt.datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001 - a LocalDateTime has no zone
UTC = dt.timezone.utc
MINUTE = dt.datetime(1998, 5, 8, 9, 51, tzinfo=UTC)
SECOND = MINUTE.replace(second=31)
MILLISECOND = SECOND.replace(microsecond=123000)


@java("demo.Color")
class Color(Enum):
    RED = 1
    GREEN = 2


@java("demo.User", names={"names": "name"})
@dataclass
class User:
    # In the order of hessian-lite: references first.
    color: Color | None = None
    friend: User | None = None
    tags: list[str] | None = None
    born: dt.datetime | None = None
    score: float = 0.0
    ok: bool = False
    id: Long = 0
    age: Int = 0
    names: str | None = None


def listed(of: Any, java_class: str) -> Any:
    """
    Return the annotation of a list of a Java class.
    """
    return Annotated[list[of], java_type(java_class)]


def mapped(java_class: str) -> Any:
    return Annotated[dict[str, Any], java_type(java_class)]


def bob() -> User:
    user = User(Color.RED, None, ["x"], SECOND, 1.5, True, 5, 3, "bob")
    user.friend = user
    return user


def two_users() -> list[User]:
    one = User(names="a")
    return [one, User(names="b", friend=one)]


SHARED: list[Any] = [1]
EPOCH_SECOND = dt.datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)

#: Vector, its value, and the type that is said for it.
CASES: list[tuple[str, Any, Any]] = [
    ("float-object 0.1f", 0.1, Float),
    ("byte-object 5", 5, Byte),
    ("short-object 300", 300, Short),
    ("char-object 'x'", "x", Char),
    ("true", True, bool),
    ("false", False, bool),
    ("null", None, None),
    ("null writeString", None, str | None),
    ("date ms 894621091000", SECOND, dt.datetime),
    ("date minute 894621060000", MINUTE, dt.datetime),
    ("Date object 894621091123", MILLISECOND, dt.datetime),
    ("java.sql.Timestamp", MILLISECOND, Timestamp),
    ("java.sql.Date", MILLISECOND, Annotated[dt.datetime, java_type("java.sql.Date")]),
    ("str empty", "", str),
    *[(f"str {size}", "a" * size, str) for size in (31, 32, 1023, 1024, 32768, 32769, 65536)],
    ("str e-acute", "é", str),
    ("str zh", "你好", str),
    ("str emoji U+1F600", "\U0001f600", str),
    ("str NUL", "\0", str),
    ("str 32767a+emoji", "a" * 32767 + "\U0001f600", str),
    ("bytes empty", b"", bytes),
    *[(f"bytes {size}", bytes(size), bytes) for size in (15, 16, 1023, 1024, 9000, 20000)],
    ("byte[] object", b"\1\2\3", bytes),
    ("ArrayList []", [], list[int]),
    ("ArrayList [1,a]", [1, "a"], list[Any]),
    ("ArrayList 8 ints", [1, 2, 3, 4, 5, 6, 7, 8], list[Int]),
    ("Arrays.asList(1,2)", [1, 2], listed(Int, "java.util.Arrays$ArrayList")),
    ("List.of(1,2)", [1, 2], list[int]),
    ("LinkedList [1]", [1], listed(int, "java.util.LinkedList")),
    ("HashSet [1]", {1}, set[int]),
    ("HashSet [1]", frozenset({1}), frozenset[int]),
    ("Collections.emptyList", [], listed(int, "java.util.Collections$EmptyList")),
    ("Collections.singletonList(1)", [1], listed(int, "java.util.Collections$SingletonList")),
    ("unmodifiableList", [1], listed(int, "java.util.Collections$UnmodifiableList")),
    ("String[]{a,b}", ["a", "b"], listed(str, "java.lang.String[]")),
    ("int[]{1,2}", [1, 2], listed(int, "int[]")),
    ("long[]{1}", [1], listed(int, "long[]")),
    ("double[]{1.5}", [1.5], listed(float, "double[]")),
    ("boolean[]{true}", [True], listed(bool, "boolean[]")),
    ("Object[]{1,a}", [1, "a"], listed(Any, "java.lang.Object[]")),
    ("Integer[]{1}", [1], listed(int, "java.lang.Integer[]")),
    ("int[8]", [0] * 8, listed(int, "int[]")),
    ("int[][]{{1},{2}}", [[1], [2]], listed(list[int], "int[][]")),
    ("HashMap {a:1}", {"a": 1}, dict[str, int]),
    ("LinkedHashMap {a:1}", {"a": 1}, mapped("java.util.LinkedHashMap")),
    ("TreeMap {a:1}", {"a": 1}, mapped("java.util.TreeMap")),
    ("Map.of(a,1)", {"a": 1}, dict[str, int]),
    ("HashMap {}", {}, dict[str, int]),
    ("Collections.emptyMap", {}, mapped("java.util.Collections$EmptyMap")),
    ("HashMap null value", {"a": None}, dict[str, None]),
    ("Properties", {"a": "b"}, mapped("java.util.Properties")),
    ("BigDecimal 1.50", Decimal("1.50"), Decimal),
    ("BigInteger 123", 123, BigInteger),
    ("enum RED", Color.RED, Color),
    ("User", bob(), User),
    ("two Users same def", two_users(), list[User]),
    ("same list twice (ref)", [SHARED, SHARED], list[list[Any]]),
    ("UUID", UUID("00000000-0000-0001-0000-000000000002"), UUID),
    ("LocalDate 2020-01-02", dt.date(2020, 1, 2), dt.date),
    ("LocalDateTime", MORNING, dt.datetime),
    ("Instant 1.5s", EPOCH_SECOND, Instant),
    ("Duration 1.5s", dt.timedelta(seconds=1.5), dt.timedelta),
    ("heartbeat body", None, Any),
    ("readonly body", "R", Any),
    ("Date ref", [SECOND, SECOND], list[dt.datetime]),
    ("String twice", ["abc", "abc"], list[str]),
    ("bytes twice", [b"\1", b"\1"], list[bytes]),
    ("BigDecimal twice", [Decimal(1)] * 2, list[Decimal]),
    ("enum twice same", [Color.RED, Color.RED], list[Color]),
]


def named_numbers() -> list[tuple[str, Any, Any]]:
    """
    Return the vectors whose names say the value.
    """
    types = {"int": (int, Int), "long": (int, Long), "double": (float, float)}
    found = []
    for name in ENCODED:
        kind, _, text = name.partition(" ")
        if kind in types and text:
            make, type = types[kind]
            found.append((name, make(text), type))
    return found


ALL = [pytest.param(*case, id=case[0]) for case in (*CASES, *named_numbers())]


@pytest.mark.parametrize(("name", "value", "type"), ALL)
def test_values_are_written_as_java_writes_them(name, value, type):
    """
    A value is written with the bytes that hessian-lite writes for it.
    """
    assert ENCODED[name].is_of(dumps(value, type))


@pytest.mark.parametrize(("name", "value", "type"), [each for each in ALL if each.id != "User"])
def test_java_is_read(name, value, type):
    """
    What hessian-lite writes is read as the value, by its type.
    """
    data = ENCODED[name].head if ENCODED[name].whole else dumps(value, type)

    # The dialect loses the sign of -0.0.
    assert repr(value).replace("-0.0", "0.0") == repr(loads(data, type))


@pytest.mark.parametrize("name", sorted(name for name, each in ENCODED.items() if each.whole))
def test_java_is_read_without_a_type(name):
    """
    Whatever hessian-lite writes can be read where nothing is expected, up to its end.
    """
    decoder = Schema().decoder(ENCODED[name].head)
    decoder.read()
    while not decoder.at_end:
        decoder.read()


def test_an_object_that_refers_to_itself():
    """
    An object that is its own friend is read as one.
    """
    user = loads(ENCODED["User"].head, User)

    assert user is user.friend
    assert (Color.RED, ["x"], SECOND, 1.5) == (user.color, user.tags, user.born, user.score)
    assert (True, 5, 3, "bob") == (user.ok, user.id, user.age, user.names)


def test_an_unknown_object():
    """
    An object whose class nobody has is readable.
    """
    data = ENCODED["two Users same def"].head
    one, other = loads(data)

    assert ("demo.User", "a", "b") == (one.java_class, one["name"], other["name"])
    assert one is other["friend"]
    assert JavaObject("demo.User", {**one.fields, "name": "b", "friend": one}) == other
    assert "demo.User(color=None, friend=None," in repr(one)


def test_the_same_constant_is_a_reference():
    """
    A constant of an enum that comes twice is written once.
    """
    assert ENCODED["enum twice same"].head == dumps([Color.RED, Color.RED])


def test_a_list_in_itself():
    """
    A list that contains itself, and a map twice, is read as that.
    """
    data = ENCODED["list then ref index order"].head
    one, other, itself = outer = loads(data, list[Any])

    assert one is other
    assert itself is outer
    assert data == dumps(outer)


def test_an_iterator():
    """
    A list without a size is read, though never written: hessian-lite cannot read it.
    """
    assert [1, 2] == loads(ENCODED["Iterator"].head)


def reply_value(name: str) -> Any:
    """
    Return the value that the name of one of Caucho's test methods says.
    """
    kind, _, text = name.removeprefix("reply").partition("_")
    sign, text = (-1, text[1:]) if text.startswith("m") else (1, text)
    if kind in ("Int", "Long"):
        return sign * int(text, 0)
    return sign * float(text.replace("_", "."))


@pytest.mark.parametrize(
    "name", [name for name in REPLIES if name.startswith(("replyInt", "replyLong", "replyDouble"))]
)
def test_numbers_of_caucho(name):
    """
    The numbers of Caucho's test service are read and written as Java does it.
    """
    value = reply_value(name)
    type = {"I": Int, "L": Long, "D": float}[name[5]]

    assert value == loads(REPLIES[name].head, type) == loads(REPLIES[name].head)
    assert REPLIES[name].head == dumps(value, type)


@pytest.mark.parametrize("name", sorted(REPLIES))
def test_other_replies_of_caucho_are_read(name):
    """
    Every answer of Caucho's test service is read, and what was read is written and read again.
    """
    value = loads(REPLIES[name].head)

    assert repr(value) == repr(loads(dumps(value)))


@pytest.mark.parametrize(
    ("name", "size"),
    [("replyString_65536", 65536), ("replyString_1024", 1024), ("replyString_32", 32)],
)
def test_texts_of_caucho(name, size):
    """
    A long text is read whole and written in the same chunks.
    """
    text = loads(REPLIES[name].head, str)

    assert size == len(text)
    assert REPLIES[name].head == dumps(text)


def test_a_map_with_a_list_as_key():
    """
    A map whose key Python cannot hash is its entries, and is written as a map.
    """
    entries = loads(REPLIES["replyUntypedMap_3"].head)

    assert MapEntries([(["a"], 0)]) == entries
    assert REPLIES["replyUntypedMap_3"].head == dumps(entries)


def test_an_exception():
    """
    A Java exception arrives with class, message, cause and stack.
    """
    data = ENCODED["exception empty trace"]
    assert not data.whole

    made = loads(dumps(JavaException("java.lang.RuntimeException", "boom")))

    assert ("java.lang.RuntimeException", "boom", None) == (
        made.java_class,
        made.message,
        made.__cause__,
    )
