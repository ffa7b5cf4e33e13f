"""
Hessian: whatever a program may send comes back equal, alone and among other values.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import attrs
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rpcfw_hessian import (
    BigInteger,
    HessianError,
    Instant,
    Int,
    JavaException,
    JavaObject,
    Long,
    Schema,
    StackFrame,
    dumps,
    java,
    java_type,
    loads,
)

#: Java has no other dates than Python; a date is one of milliseconds, the others of nanoseconds.
TIMES = st.datetimes(timezones=st.just(dt.timezone.utc))
DATES = TIMES.map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
ZONES = st.integers(-1080, 1080).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
#: Java's strings may have a surrogate without its partner; two that meet become one character.
TEXTS = st.one_of(st.text(), st.text("aé你\U0001f600\0\ud800", max_size=8))
#: The dialect has no -0.0.
FLOATS = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-(2**31), 2**31).map(lambda thousandths: thousandths / 1000),
    st.integers(-(2**17), 2**17).map(float),
)
INTS = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-3000, 3000))
LONGS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**19), 2**19))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)


def whole(text: str) -> str:
    """
    Return a text whose surrogates are joined where two meet.
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


@java("com.acme.Color")
class Color(Enum):
    RED = 1
    GREEN = 2


@java("com.acme.Part")
class Part(msgspec.Struct, frozen=True):
    name: str
    weight: Decimal | None = None


@java("com.acme.Size")
@attrs.frozen
class Size:
    width: Int
    height: float = 0.0


@java("com.acme.Thing")
@dataclass
class Thing:
    id: Long
    name: str | None = None
    size: Size | None = None
    parts: list[Part] = field(default_factory=list)
    colors: set[Color] = field(default_factory=set)
    by_name: dict[str, Part] = field(default_factory=dict)
    longs: Annotated[list[int], java_type("long[]")] = field(default_factory=list)
    floats: tuple[float, ...] = ()
    made: Instant | None = None
    sold: dt.datetime | None = None
    more: Any = None
    parent: Thing | None = None


#: An object with a stack trace would be an exception.
NAMES = st.text().filter(lambda name: name != "stackTrace")
PARTS = st.builds(Part, TEXTS.map(whole), st.none() | DECIMALS)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | FLOATS
    | TEXTS.map(whole)
    | st.binary()
    | DATES
    | st.dates()
    | st.timedeltas()
    | st.uuids()
    | DECIMALS,
    lambda inner: (
        st.lists(inner, max_size=9)
        | st.dictionaries(st.text() | st.integers(-(2**63), 2**63 - 1), inner, max_size=5)
        | st.builds(JavaObject, st.just("a.B"), st.dictionaries(NAMES, inner, max_size=4))
    ),
    max_leaves=12,
)
THINGS = st.deferred(
    lambda: st.builds(
        Thing,
        id=LONGS,
        name=st.none() | TEXTS.map(whole),
        size=st.none() | st.builds(Size, INTS, FLOATS),
        parts=st.lists(PARTS, max_size=9),
        colors=st.sets(st.sampled_from(Color)),
        by_name=st.dictionaries(TEXTS.map(whole), PARTS, max_size=3),
        longs=st.lists(LONGS, max_size=9),
        floats=st.lists(FLOATS, max_size=3).map(tuple),
        made=st.none() | DATES,
        sold=st.none() | DATES,
        more=PLAIN,
        parent=st.none() | THINGS,
    )
)
#: Types, each with what values it has.
TYPED = st.one_of(
    *(
        st.tuples(st.just(type), values)
        for type, values in (
            (Any, PLAIN),
            (Thing, THINGS),
            (list[Thing], st.lists(THINGS, max_size=3)),
            (dict[int, Part], st.dictionaries(LONGS, PARTS)),
            (BigInteger, st.integers(-(2**200), 2**200)),
            (set[str], st.sets(TEXTS.map(whole))),
            (dt.time, st.times()),
            (dt.time, st.times(timezones=ZONES)),
            (dt.datetime, st.datetimes()),
            (Annotated[dt.datetime, java_type("java.time.OffsetDateTime")], TIMES),
            (Annotated[dt.datetime, java_type("java.time.ZonedDateTime")], TIMES),
            (list[Color] | None, st.none() | st.lists(st.sampled_from(Color))),
            (int | str, INTS | TEXTS.map(whole)),
        )
    )
)


@given(TYPED)
def test_a_value_comes_back(typed):
    """
    A value is read as equal to what was written, with its type.
    """
    type, value = typed

    assert value == loads(dumps(value, type), type)


@given(st.lists(TYPED, max_size=5))
def test_values_in_a_row_come_back(typed):
    """
    Several values in one message are read as what they are, though they may share objects.
    """
    schema = Schema()
    encoder = schema.encoder()
    for type, value in [*typed, *typed]:
        encoder.write(value, type)
    decoder = schema.decoder(encoder.take())

    found = [decoder.read(type) for type, _ in [*typed, *typed]]

    assert [value for _, value in [*typed, *typed]] == found
    assert decoder.at_end


@given(THINGS)
def test_a_generic_object_has_all_fields(thing):
    """
    An object that is read without its class is written as it was, and read as what it was.
    """
    assert thing == loads(dumps(loads(dumps(thing))), Thing)


@given(st.text(), st.lists(st.builds(StackFrame, st.text(), st.text(), st.none(), INTS)), PLAIN)
def test_an_exception_comes_back(message, frames, more):
    """
    An exception keeps message, stack and the fields of its class.
    """
    error = JavaException("a.B", message, stack_trace=tuple(frames), fields={"more": more})

    found = loads(dumps(error))

    assert (message, tuple(frames), {"more": more}) == (
        found.message,
        found.stack_trace,
        found.fields,
    )


@given(TEXTS)
def test_a_text_with_half_a_character(text):
    """
    A surrogate without its partner comes back as it was, as in Java.
    """
    assert whole(text) == loads(dumps(text))


@given(TYPED, st.data())
def test_a_cut_message_is_an_error(typed, data):
    """
    A message that ends early is a HessianError, wherever it was cut.
    """
    type, value = typed
    message = dumps(value, type)
    cut = data.draw(st.integers(0, len(message) - 1))

    try:
        loads(message[:cut], type)
    except HessianError:
        return
    raise AssertionError("a part was taken for the whole")
