"""
A value arrives equal and of its type, or is refused; it never arrives as another.
"""

from __future__ import annotations

import enum
import gc
import math
import sys
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pytest

from rpcfw.errors import ContractError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.codec import Coder
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_codecs.json import JSONCodec

T = TypeVar("T")
ID = UUID("3b4cbab8-deaf-4db1-a3ed-ac82343b9154")
BERLIN = ZoneInfo("Europe/Berlin")
ODD = timezone(timedelta(hours=1, seconds=8))


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    YES = "yes"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Line:
    article: str
    count: int = 1
    notes: list[str] = field(default_factory=list)


@dataclass
class LongLine(Line):
    remark: str = ""


@attrs.define
class Box:
    size: float
    label: str | None = None


class Point(msgspec.Struct):
    x: float
    y: float | None = None
    z: int | msgspec.UnsetType = msgspec.UNSET


class Far(Point):
    far: bool = True


class Tree(msgspec.Struct):
    value: float | None
    children: list[Tree] = []


class Pair(msgspec.Struct, Generic[T]):
    one: T
    other: T


class Place(NamedTuple):
    x: int
    name: str = ""


class Options(TypedDict, total=False):
    depth: int
    ratio: float


class Text(str):
    __slots__ = ()


def coder(kind: Any) -> Coder:
    return JSONCodec(options_of(JSONCodec.Options), plugin_context()).coder(kind)


#: With further facts, as the Java types of Hessian 2 have.
Counted = Annotated[int, msgspec.Meta(extra={"java": "long"})]
ARRIVE = [
    (dict[Counted, str], {1: "a"}),
    (list[Counted], [1]),
    (bool, True),
    (int, 2**53 + 1),
    (int, 2**64),
    (int, -(2**200)),
    (float, 5e-324),
    (float, -1.7976931348623157e308),
    (int | float, 5),
    (int | float, 5.0),
    (str, "grüße \U0001f600\x00"),
    (Decimal, Decimal("1E+5")),
    (Decimal, Decimal("-Infinity")),
    (bytes, b"\x00\xff"),
    (bytearray, bytearray(b"\x00\xff")),
    (datetime, datetime(2024, 2, 29, 23, 59, 59, 999999)),  # noqa: DTZ001
    (datetime, datetime(2024, 2, 29, tzinfo=timezone.utc)),
    (datetime, datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))),
    (datetime, datetime(2024, 2, 29, tzinfo=BERLIN)),
    (datetime, datetime.min),  # noqa: DTZ901
    (time, time(1, 2, 3, 4)),
    (time, time(1, 2, 3, tzinfo=timezone.utc)),
    (date, date(1, 1, 1)),
    (timedelta, -timedelta(microseconds=1)),
    (timedelta, timedelta.max),
    (UUID, ID),
    (Colour, Colour.RED),
    (Level, Level.LOW),
    (Word, Word.YES),
    (Access, Access.READ | Access.WRITE),
    (Literal["a", 1] | None, "a"),
    (Literal["a", 1] | None, 1),
    (Literal["a", 1] | None, None),
    (float | None, None),
    (int | str | None, "x"),
    (list[float], [0.5, 1.5]),
    (set[int], {1, 2}),
    (frozenset[str], frozenset(("a",))),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (dict[str, float], {"a": 0.5}),
    (dict[int, str], {1: "a"}),
    (dict[UUID, date], {ID: date(2024, 1, 1)}),
    (dict[Colour, None], {Colour.RED: None}),
    (Line, Line("tea", 2, ["x"])),
    (list[Line], [Line("tea"), Line("cup", 2)]),
    (list[Line | None], [Line("tea"), None]),
    (Box, Box(1.5)),
    (Point, Point(1.5)),
    (Point, Point(1.5, None, 3)),
    (list[Point], [Point(1.5), Point(2.5, 1.0, 3)]),
    (Tree, Tree(1.0, [Tree(None), Tree(2.0, [Tree(3.0)])])),
    (Pair[int], Pair(1, 2)),
    (Pair[list[float]], Pair([1.0], [])),
    (Place, Place(1, "a")),
    (Options, {"depth": 1}),
    (Any, {"a": [1, 2.5, "x", None, True, {"b": []}]}),
]

REFUSED = [
    # NaN and infinity, wherever None could stand for them.
    (float, math.nan, "no number for nan"),
    (float | None, math.inf, "no number for inf"),
    (int | None, math.nan, "expected int | None, got float"),
    (list[float], [1.0, -math.inf], r"\[1\]: JSON has no number for -inf"),
    (dict[str, float | None], {"a": math.nan}, r"\['a'\]: JSON has no number for nan"),
    (Point, Point(1.0, math.nan), "y: JSON has no number"),
    (Tree, Tree(1.0, [Tree(2.0), Tree(math.nan)]), r"children\[1\]\.value: JSON has no number"),
    (Box, Box(math.nan), "size: JSON has no number"),
    (Any, {"a": [math.nan]}, r"\['a'\]\[0\]: JSON has no number"),
    # Numbers that are others.
    (int, True, "expected int, got bool"),
    (int, 1.0, "expected int, got float"),
    (int, Level.LOW, "expected int, got Level"),
    (bool, 1, "expected bool, got int"),
    (float, 2**53 + 1, "an int that no float is equal to"),
    (float, 2**2000, "an int that no float is equal to"),
    (float, Decimal("1.5"), "expected float, got Decimal"),
    (Decimal, 1.1, "expected Decimal, got float"),
    (Decimal, "1.1", "expected Decimal, got str"),
    (Level, 1, "expected Level, got int"),
    (Access, 3, "expected Access, got int"),
    # What JSON writes as a string.
    (str, Text("a"), "expected str, got Text"),
    (str, Word.YES, "expected str, got Word"),
    (str, b"a", "expected str, got bytes"),
    (str, ID, "expected str, got UUID"),
    (str, date(2024, 1, 1), "expected str, got date"),
    (str, Decimal(1), "expected str, got Decimal"),
    (str, "\ud800", "surrogates"),
    (bytes, "YQ==", "expected bytes, got str"),
    (bytes, bytearray(b"a"), "expected bytes, got bytearray"),
    (UUID, str(ID), "expected UUID, got str"),
    (Colour, "red", "expected Colour, got str"),
    (Word, "yes", "expected Word, got str"),
    (date, datetime(2024, 1, 1), "expected date, got datetime"),  # noqa: DTZ001
    (datetime, "2024-01-01T00:00:00", "expected datetime, got str"),
    (datetime, datetime(2024, 1, 1, tzinfo=ODD), "no offset from UTC in whole minutes"),
    (datetime, datetime(1800, 1, 1, tzinfo=BERLIN), "no offset from UTC in whole minutes"),
    (time, time(1, tzinfo=BERLIN), "no offset from UTC in whole minutes"),
    (Literal["a", 1], "b", "expected one of 'a', 1, got str"),
    (Literal[1], True, "expected one of 1, got bool"),
    (Literal[1], [], "expected one of 1, got list"),
    # What JSON writes as an array.
    (list[int], (1,), "expected list, got tuple"),
    (list[int], {1}, "expected list, got set"),
    (tuple[int, ...], [1], "expected tuple, got list"),
    (tuple[int, str], (1,), "expected a tuple of 2, got one of 1"),
    (set[int], frozenset((1,)), "expected set, got frozenset"),
    (list[int], [1, "2"], r"\[1\]: expected int, got str"),
    (Place, (1, "a"), "expected Place, got tuple"),
    # What JSON writes as an object.
    (dict[str, int], OrderedDict(a=1), "expected dict, got OrderedDict"),
    (dict[Any, Any], {1: 2}, "expected a str as a key"),
    (dict[str, int], {1: 2}, r"\[1\]: expected str, got int"),
    (Line, {"article": "tea"}, "expected Line, got dict"),
    (Line, LongLine("tea"), "expected Line, got LongLine"),
    (Point, Far(1.0), "expected Point, got Far"),
    (list[Line], [Line("tea"), LongLine("cup")], r"\[1\]: expected Line, got LongLine"),
    (list[Line], [Line("tea"), Line("cup", "2")], r"\[1\]\.count: expected int, got str"),
    (list[Point], [Point(1.0), Point(1.0, math.nan)], r"\[1\]\.y: JSON has no number"),
    (Options, {"deep": 1}, "the key 'deep' is not declared; known: depth, ratio"),
    (Options, Line("a"), "expected dict, got Line"),
    (Pair[int], Pair(1, "2"), "other: expected int, got str"),
    # With further facts, a type is checked as without.
    (Counted, "1", "expected int, got str"),
    (dict[Counted, str], {"1": "a"}, r"\['1'\]: expected int, got str"),
    (list[Counted | None], [1.0], r"\[0\]: expected int . None, got float"),
    # What has no annotation is read as builtins.
    (Any, (1,), "expected None, bool, int, float, str, list or dict"),
    (Any, {1: 2, "1": 3}, "expected a str as a key"),
    (Any, Line("tea"), "got Line"),
    (Any, [datetime(2024, 1, 1)], r"\[0\]: expected .*, got datetime"),  # noqa: DTZ001
]


def is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("kind", "value"), ARRIVE, ids=repr)
def test_what_arrives(kind, value):
    """
    A value of its annotated type arrives equal and of the same type.
    """
    known = coder(kind)

    assert is_same(value, known.decode(known.encode(value)))


@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED, ids=repr)
def test_what_is_refused(kind, value, reason):
    """
    A value that would arrive as another is refused where it is written.

    The error says where the value stands, what was expected and what came.
    """
    with pytest.raises((TypeError, UnicodeEncodeError), match=reason):
        coder(kind).encode(value)


def test_the_sign_of_zero():
    """
    -0.0 keeps its sign.
    """
    known = coder(float)

    assert -1.0 == math.copysign(1.0, known.decode(known.encode(-0.0)))


def test_a_decimal_that_is_no_number():
    """
    A Decimal may be NaN, since it is written as a string.
    """
    known = coder(Decimal | None)

    assert known.decode(known.encode(Decimal("NaN"))).is_nan()


def test_an_int_for_a_float():
    """
    An int may be given for a float that is equal to it, and arrives as that.
    """
    known = coder(float)

    assert is_same(float(2**60), known.decode(known.encode(2**60)))


def test_defaults_are_sent_on():
    """
    A dataclass that was read is sent on with all its fields.

    A reader whose defaults are others sees the values that the first reader saw.
    """
    received = coder(Line).decode(b'{"article":"tea"}')
    several = coder(list[Line]).decode(b'[{"article":"tea"},{"article":"cup"}]')

    assert b'{"article":"tea","count":1,"notes":[]}' == coder(Line).encode(received)
    assert 2 == coder(list[Line]).encode(several).count(b'"count":1')


@pytest.mark.parametrize("make", [dataclass(slots=True), attrs.define], ids=["dataclass", "attrs"])
def test_fields_that_would_be_dropped(make):
    """
    A class is refused if JSON leaves out one of its fields.
    """

    @make
    class Hidden:
        _secret: int = 1

    with pytest.raises(ContractError, match=r"the field _secret of .*Hidden would not be sent"):
        coder(Hidden)


def test_other_attributes_stay_at_home():
    """
    What an instance has beside its fields is not sent.
    """
    line = Line("tea")
    line.cached = 5

    assert b"cached" not in coder(Line).encode(line)


@pytest.mark.parametrize(
    "key",
    [
        int | str,
        float | str,
        Literal[1, "1"],
        Literal[1] | str,
        int | Decimal,
        Colour | int,
        Counted | str,
    ],
)
def test_keys_that_a_reader_could_take_for_others(key):
    """
    Keys are strings in JSON, so a dict may not have keys of text and of numbers.
    """
    with pytest.raises(ContractError, match="keys of text and of numbers"):
        coder(dict[key, int])


@pytest.mark.parametrize("message", [{1: 2, 1.5: 3}, {}, {2: 1}])
def test_keys_of_several_sorts_of_numbers(message):
    """
    Keys of numbers may be of both sorts.
    """
    one = coder(dict[int | float, int])

    assert message == one.decode(one.encode(message))


class Branch(msgspec.Struct):
    twigs: list[Branch] | msgspec.UnsetType = msgspec.UNSET
    size: float = 1.0
    leaf: Line | msgspec.UnsetType = msgspec.UNSET


def branch(depth: int, innermost: Branch) -> Branch:
    for _ in range(depth):
        innermost = Branch([innermost])
    return innermost


def frames_for(message: Any) -> int:
    """
    Return how many functions of Python are called to write a message, or to refuse it.
    """
    frames = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal frames
        frames += event == "call"

    encode = coder(Branch).encode
    gc.disable()  # what it frees calls functions too, those of other tests
    sys.setprofile(count)
    try:
        with suppress(TypeError):
            encode(message)
    finally:
        sys.setprofile(None)
        gc.enable()
    return frames


@pytest.mark.parametrize("innermost", [Branch(), Branch(size=math.nan), Branch(leaf=Line("", ""))])
def test_deep_messages_are_checked_once(innermost):
    """
    What is twice as deep takes twice as long, also where fields are unset or do not fit.
    """
    assert frames_for(branch(16, innermost)) < 3 * frames_for(branch(8, innermost))


def test_a_mistake_far_inside_has_its_place():
    """
    An error says at which place the value stands, whatever was skipped on the way there.
    """
    bad = Branch([Branch(), Branch(leaf=Line("tea")), Branch(leaf=Line("cup", "2"))])

    with pytest.raises(TypeError, match=r"^twigs\[1\]\.twigs\[2\]\.leaf\.count: expected int"):
        coder(Branch).encode(Branch([Branch(), bad]))
