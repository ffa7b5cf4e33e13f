"""
Classes of the JDK that Python has its own for, as hessian-lite writes them.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pytest

from rpcfw_hessian import (
    Byte,
    Float,
    HessianError,
    Instant,
    JavaObject,
    Long,
    Schema,
    Short,
    dumps,
    java_type,
    loads,
)
from tests.plugins.hessian.vectors import JDK

UTC = dt.timezone.utc
LOCAL = dt.datetime(2020, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 - a LocalDateTime has no zone
TWO_HOURS = dt.timezone(dt.timedelta(hours=2))


def typed(of: Any, java_class: str) -> Any:
    """
    Return the annotation of a value of a Java class.
    """
    return Annotated[of, java_type(java_class)]


#: Vector, its value, and the type that is said for it.
CASES: list[tuple[str, Any, Any]] = [
    ("LocalTime", dt.time(1, 2, 3, 4), dt.time),
    ("LocalDateTime", LOCAL, dt.datetime),
    (
        "OffsetDateTime",
        LOCAL.replace(tzinfo=TWO_HOURS),
        typed(dt.datetime, "java.time.OffsetDateTime"),
    ),
    ("OffsetTime", dt.time(1, 2, 3, tzinfo=TWO_HOURS), dt.time),
    (
        "ZonedDateTime",
        LOCAL.replace(tzinfo=ZoneInfo("Europe/Berlin")),
        typed(dt.datetime, "java.time.ZonedDateTime"),
    ),
    (
        "ZonedDateTimeOff",
        LOCAL.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))),
        typed(dt.datetime, "java.time.ZonedDateTime"),
    ),
    ("negInstant", dt.datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC), Instant),
    ("negDur", dt.timedelta(milliseconds=-1500), dt.timedelta),
    ("BigDecimal 1E+3", Decimal("1E+3"), Decimal),
    ("sqlTime", dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), typed(dt.datetime, "java.sql.Time")),
    ("Deque", [1], typed(list[int], "java.util.ArrayDeque")),
    ("TreeSet", {1}, typed(set[int], "java.util.TreeSet")),
    ("LinkedHashSet", {1}, typed(set[int], "java.util.LinkedHashSet")),
    ("emptySet", set(), typed(set[int], "java.util.Collections$EmptySet")),
    (
        "ConcurrentHashMap",
        {"a": 1},
        typed(dict[str, int], "java.util.concurrent.ConcurrentHashMap"),
    ),
    ("Vector", [1], typed(list[int], "java.util.Vector")),
    ("byte[]", b"\1", bytes),
    ("Byte[]", [1], typed(list[Byte], "java.lang.Byte[]")),
    ("short[]", [1], typed(list[Short], "short[]")),
    ("char[]", "a", str),
    ("float[]", [1.5], typed(list[Float], "float[]")),
    ("Date[]", [dt.datetime(1970, 1, 1, tzinfo=UTC)], typed(list[dt.datetime], "java.util.Date[]")),
    ("BigDecimal[]", [Decimal(1)], typed(list[Decimal], "java.math.BigDecimal[]")),
    ("UUID[]", [], typed(list[Any], "java.util.UUID[]")),
    (
        "String[][]",
        [["a"]],
        typed(list[typed(list[str], "java.lang.String[]")], "java.lang.String[][]"),
    ),
    ("Long[]", [1], typed(list[Long], "java.lang.Long[]")),
]


@pytest.mark.parametrize(("name", "value", "type"), CASES, ids=[case[0] for case in CASES])
def test_both_ways(name, value, type):
    """
    A value is written as hessian-lite writes it, and read as what it is.
    """
    assert JDK[name].head == dumps(value, type)
    assert value == loads(JDK[name].head, type)
    assert value == loads(JDK[name].head)


@pytest.mark.parametrize("name", sorted(JDK))
def test_everything_is_read(name):
    """
    Whatever hessian-lite writes for a class of the JDK is read, and can be shown.
    """
    assert repr(loads(JDK[name].head))


def test_a_class_without_a_python_class_comes_back():
    """
    A class of the JDK that Python has none for is an object, and written as it was read.
    """
    for name in ("Year", "YearMonth", "MonthDay", "Period", "ZoneId", "Locale", "enum"):
        found = loads(JDK[name].head)
        assert isinstance(found, JavaObject)
        assert JDK[name].head == dumps(found)


def test_a_zone_keeps_its_name():
    """
    A datetime in a zone knows the zone's name, and is written with it again.
    """
    found = loads(JDK["ZonedDateTime"].head)

    assert ("Europe/Berlin", dt.timedelta(hours=1)) == (found.tzname(), found.utcoffset())
    assert JDK["ZonedDateTime"].head == dumps(found, typed(dt.datetime, "java.time.ZonedDateTime"))


@pytest.mark.parametrize(
    ("java_class", "fields"),
    [
        ("java.math.BigDecimal", {"value": "ten"}),
        ("java.math.BigDecimal", {"value": "NaN"}),
        ("java.math.BigDecimal", {"value": 5}),
        ("java.math.BigDecimal", {}),
        ("java.math.BigInteger", {"mag": [1], "signum": 5}),
        ("java.math.BigInteger", {"mag": ["x"], "signum": 1}),
        ("java.util.UUID", {"value": "1"}),
        ("java.sql.Timestamp", {"value": 5}),
        ("com.alibaba.com.caucho.hessian.io.java8.LocalDateHandle", {"year": 1, "month": 13}),
        ("com.alibaba.com.caucho.hessian.io.java8.ZoneOffsetHandle", {"seconds": 10**9}),
        ("com.alibaba.com.caucho.hessian.io.java8.InstantHandle", {"seconds": 2**62, "nanos": 0}),
    ],
)
def test_fields_without_sense(java_class, fields):
    """
    A class of the JDK with fields that it cannot have is an error.
    """
    with pytest.raises(HessianError):
        loads(dumps(JavaObject(java_class, fields)))


@pytest.mark.parametrize("java_class", ["int[]", "no.such.Time"])
def test_a_java_type_that_a_datetime_cannot_be(java_class):
    """
    A wrong Java type is found before any value comes, and the error names the right ones.
    """
    with pytest.raises(TypeError, match=r"java\.util\.Date"):
        Schema().shape(typed(dt.datetime, java_class))
    with pytest.raises(TypeError, match=r"java\.lang\.Integer"):
        Schema().shape(typed(int, java_class))


def test_a_datetime_is_no_date():
    """
    Where a date is expected, a datetime is refused: its time would be lost.
    """
    with pytest.raises(HessianError, match="expected date, got datetime"):
        dumps(LOCAL, dt.date)
    with pytest.raises(HessianError, match="expected date, got datetime"):
        loads(dumps(LOCAL), dt.date)
