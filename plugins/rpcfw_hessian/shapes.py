"""
Reads values of an expected type: one class for each kind of type but collections.

Integers and doubles are converted into each other, as Java does it, if nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.numbers import (
    INTEGER_BASE,
    INTEGER_RUNS,
    INTEGER_SIZE,
    double_at,
    int_at,
    long_at,
    read_double,
    read_integer,
)
from rpcfw_hessian.shape import Shape
from rpcfw_hessian.source import Source
from rpcfw_hessian.text import read_string
from rpcfw_hessian.untyped import read_any

__all__ = [
    "ANY",
    "BOOL",
    "FLOAT",
    "INT",
    "STR",
    "AnyShape",
    "Exactly",
    "InstanceOf",
    "LiteralShape",
    "OptionalShape",
    "UnionShape",
    "mismatch",
]


def mismatch(expected: str, value: Any) -> HessianError:
    """
    Return the error for a value of another type.
    """
    came = "null" if value is None else type(value).__qualname__
    hint = f"; annotate {expected} | None if it may be null" if value is None else ""
    return HessianError(f"expected {expected}, got {came}{hint}")


class AnyShape(Shape):
    """
    Whatever comes.
    """

    name = "anything"
    tags = frozenset(range(256))

    def read(self, d: Decoder) -> Any:
        return read_any(d)

    def fits(self, value: Any, d: Decoder) -> bool:
        return True


class IntShape(Shape):
    """
    An integer, or a double that is equal to one.
    """

    name = "int"
    tags = tags.INTEGER
    scalar = True

    def read(self, d: Decoder) -> int:
        data, pos = d.data, d.pos
        tag = data[pos]
        size = INTEGER_SIZE[tag]
        if size:
            d.pos = pos + size
            return INTEGER_BASE[tag] if size == 1 else read_integer(data, pos)
        value = read_any(d)
        if type(value) is float and value.is_integer():
            return int(value)
        if type(value) is int:  # a BigInteger
            return value
        raise mismatch(self.name, value)

    def inline(self, source: Source, target: str) -> None:
        sizes, bases = source.bind(INTEGER_SIZE), source.bind(INTEGER_BASE)
        source.add("tag = data[pos]", f"size = {sizes}[tag]")
        with source.block("if size == 1:"):
            source.add(f"{target} = {bases}[tag]", "pos += 1")
        with source.block("elif size == 2:"):
            source.add(f"{target} = {bases}[tag] + data[pos + 1]", "pos += 2")
        with source.block("elif size == 9:"):
            source.add(f"{target} = {source.bind(long_at)}(data, pos + 1)[0]", "pos += 9")
        with source.block("elif size == 5:"):
            source.add(f"{target} = {source.bind(int_at)}(data, pos + 1)[0]", "pos += 5")
        with source.block("elif size:"):
            source.add(f"{target} = {source.bind(read_integer)}(data, pos)", "pos += size")
        with source.block("else:"):
            super().inline(source, target)

    def inline_items(self, source: Source, target: str) -> None:
        sizes = source.bind(INTEGER_SIZE)
        source.add("unpack = None")
        with source.block(f"if count > 1 and (size := {sizes}[data[pos]]) > 3:"):
            tags_of_items = "data[pos : pos + size * count : size]"
            source.add(f"unpack = {source.bind(INTEGER_RUNS)}.get({tags_of_items})")
        with source.block("if unpack is not None:"):
            source.add(f"{target} = list(unpack(data, pos))", "pos += size * count")
        with source.block("else:"):
            super().inline_items(source, target)

    def fits(self, value: Any, d: Decoder) -> bool:
        return type(value) is int


class FloatShape(Shape):
    """
    A double, or an integer.
    """

    name = "float"
    tags = tags.DOUBLE
    scalar = True

    def read(self, d: Decoder) -> float:
        if d.data[d.pos] in tags.DOUBLE:
            value, d.pos = read_double(d.data, d.pos)
            return value
        found = read_any(d)
        if type(found) is int:
            return float(found)
        raise mismatch(self.name, found)

    def inline(self, source: Source, target: str) -> None:
        source.add("tag = data[pos]")
        with source.block("if tag == 0x44:"):
            source.add(f"{target} = {source.bind(double_at)}(data, pos + 1)[0]", "pos += 9")
        with source.block("elif tag == 0x5F:"):
            source.add(f"{target} = 0.001 * {source.bind(int_at)}(data, pos + 1)[0]", "pos += 5")
        with source.block("elif 0x5B <= tag < 0x5F:"):
            source.add(f"{target}, pos = {source.bind(read_double)}(data, pos)")
        with source.block("else:"):
            super().inline(source, target)

    def fits(self, value: Any, d: Decoder) -> bool:
        return type(value) is float


class StrShape(Shape):
    """
    A string.
    """

    name = "str"
    tags = tags.STRING
    scalar = True

    def read(self, d: Decoder) -> str:
        data, pos = d.data, d.pos
        tag = data[pos]
        if tag < 0x20:
            # The usual string: short, and in ASCII.
            end = pos + 1 + tag
            text = data[pos + 1 : end]
            if text.isascii() and end <= len(data):
                d.pos = end
                return text.decode("ascii")
        if tag in tags.STRING:
            value, d.pos = read_string(data, pos, d.limits.max_length)
            return value
        raise mismatch(self.name, read_any(d))

    def inline(self, source: Source, target: str) -> None:
        # A string that ends after the message is found out in the end, by `Decoder.read_shape`.
        source.add("tag = data[pos]", "raw = None")
        with source.block("if tag < 0x20:"):
            source.add("end = pos + 1 + tag", "raw = data[pos + 1 : end]")
        with source.block("elif 0x30 <= tag < 0x34:"):
            source.add(
                "end = pos + 2 + ((tag - 0x30) << 8) + data[pos + 1]", "raw = data[pos + 2 : end]"
            )
        with source.block("if raw is not None and raw.isascii():"):
            source.add(f"{target} = raw.decode()", "pos = end")
        if source.plain:
            # Of up to 1,023 characters, as the others.
            with source.block("elif raw is not None:"):
                source.add(f"{target}, pos = {source.bind(read_string)}(data, pos, 1023)")
        with source.block("else:"):
            super().inline(source, target)

    def fits(self, value: Any, d: Decoder) -> bool:
        return type(value) is str


class Exactly(Shape):
    """
    A value of a class that needs no conversion: bool, bytes, datetime, Decimal, ...
    """

    def __init__(self, cls: type, tags: frozenset[int], *, aware: bool | None = None) -> None:
        self.name = cls.__qualname__
        self.tags = tags
        self._cls = cls
        self._aware = aware
        if aware is not None:
            self.name += " with a zone" if aware else " without a zone"

    def read(self, d: Decoder) -> Any:
        value = read_any(d)
        if self.fits(value, d):
            return value
        raise mismatch(self.name, value)

    def fits(self, value: Any, d: Decoder) -> bool:
        if type(value) is not self._cls:
            return False
        return self._aware is None or (getattr(value, "tzinfo", None) is not None) is self._aware


class OptionalShape(Shape):
    """
    A value or null.
    """

    def __init__(self, inner: Shape) -> None:
        self.name = f"{inner.name} | None"
        self.tags = inner.tags | {tags.NULL}
        self.scalar = inner.scalar
        self._inner = inner

    @property
    def plain(self) -> bool:
        return self._inner.plain

    def read(self, d: Decoder) -> Any:
        if d.data[d.pos] == tags.NULL:
            d.pos += 1
            return None
        return self._inner.read(d)

    def inline(self, source: Source, target: str) -> None:
        with source.block(f"if data[pos] == {tags.NULL}:"):
            source.add(f"{target} = None", "pos += 1")
        with source.block("else:"):
            self._inner.inline(source, target)

    def fits(self, value: Any, d: Decoder) -> bool:
        return value is None or self._inner.fits(value, d)


class UnionShape(Shape):
    """
    One of several types. The first byte says which; an object is recognised by its class.
    """

    def __init__(self, members: Sequence[Shape]) -> None:
        self.name = " | ".join(member.name for member in members)
        self.tags = frozenset().union(*(member.tags for member in members))
        self._members = tuple(members)
        self._by_tag: dict[int, Shape] = {}
        for tag in self.tags:
            able = [member for member in members if tag in member.tags]
            if len(able) == 1:
                self._by_tag[tag] = able[0]

    def read(self, d: Decoder) -> Any:
        member = self._by_tag.get(d.data[d.pos])
        if member is not None:
            return member.read(d)
        value = read_any(d)
        if self.fits(value, d):
            return value
        raise mismatch(self.name, value)

    def fits(self, value: Any, d: Decoder) -> bool:
        return any(member.fits(value, d) for member in self._members)


class LiteralShape(Shape):
    """
    One of some values.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.name = f"one of {', '.join(map(repr, values))}"
        self._values = frozenset((type(value), value) for value in values)
        kinds = {int: tags.INTEGER, str: tags.STRING, type(None): frozenset((tags.NULL,))}
        self.tags = frozenset().union(*(kinds[type(value)] for value in values))

    def read(self, d: Decoder) -> Any:
        value = read_any(d)
        if self.fits(value, d):
            return value
        raise mismatch(self.name, value)

    def fits(self, value: Any, d: Decoder) -> bool:
        return isinstance(value, (int, str, type(None))) and (type(value), value) in self._values


class BoolShape(Exactly):
    """
    A boolean.
    """

    scalar = True

    def __init__(self) -> None:
        super().__init__(bool, tags.BOOL)

    def inline(self, source: Source, target: str) -> None:
        source.add("tag = data[pos]")
        with source.block("if tag == 0x54 or tag == 0x46:"):
            source.add(f"{target} = tag == 0x54", "pos += 1")
        with source.block("else:"):
            super().inline(source, target)


class InstanceOf(Exactly):
    """
    An instance of a class, or of a subclass: an exception.
    """

    def fits(self, value: Any, d: Decoder) -> bool:
        return isinstance(value, self._cls)


ANY = AnyShape()
BOOL = BoolShape()
INT = IntShape()
FLOAT = FloatShape()
STR = StrShape()
