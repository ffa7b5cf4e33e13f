"""
Writes values of an expected type: for each kind of type but collections and classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rpcfw_hessian.encoder import Encoder, Write
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.jdk_writers import write_big_integer
from rpcfw_hessian.numbers import (
    SMALL_INTS,
    SMALL_LONGS,
    TAGGED_INT,
    TAGGED_LONG,
    encode_double,
    encode_int,
    encode_integer,
    encode_long,
    large_int,
    large_long,
    shown_integer,
)
from rpcfw_hessian.source import Source
from rpcfw_hessian.text import STRING_HEADS, encode_binary, encode_string
from rpcfw_hessian.writer import ScalarWriter, Writer, unfit

__all__ = [
    "BoolWriter",
    "FloatWriter",
    "OptionalWriter",
    "StrWriter",
    "any_of",
    "checked",
    "int_writer",
    "literal_writer",
    "write_any",
    "write_binary",
    "write_bool",
    "write_float",
    "write_integer",
    "write_null",
    "write_str",
]


def write_any(e: Encoder, value: Any) -> None:
    """
    Write a value of which nothing is known.
    """
    e.schema.writer_of(type(value))(e, value)


def write_null(e: Encoder, value: None) -> None:
    """
    Write null.
    """
    if value is not None:
        raise unfit("None", value)
    e.out.append(b"N")


def write_bool(e: Encoder, value: bool) -> None:
    """
    Write a boolean.
    """
    if value is True:
        e.out.append(b"T")
    elif value is False:
        e.out.append(b"F")
    else:
        raise unfit("bool", value)


def write_integer(e: Encoder, value: int) -> None:
    """
    Write an int, a long or a BigInteger: the smallest that the value fits.
    """
    if type(value) is not int:
        raise unfit("int", value)
    if -(1 << 63) <= value < 1 << 63:
        e.out.append(encode_integer(value))
    else:
        write_big_integer(e, value)


def _bounded(name: str, bits: int) -> Callable[[int], bytes]:
    """
    Return what encodes a Java type that is an int on the wire, but smaller.
    """

    def encode(value: int) -> bytes:
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise HessianError(
                f"expected a Java {name}, of {bits} bits, got {shown_integer(value)}"
            )
        return encode_int(value)

    return encode


_Encode = Callable[[int], bytes]
_Small = Mapping[int, bytes]

#: By Java type: what encodes it; for those that have short forms, these and what encodes others.
_INTS: dict[str, tuple[_Encode, _Small, _Encode]] = {
    "int": (encode_int, SMALL_INTS, large_int),
    "java.lang.Integer": (encode_int, SMALL_INTS, large_int),
    "long": (encode_long, SMALL_LONGS, large_long),
    "java.lang.Long": (encode_long, SMALL_LONGS, large_long),
    "short": (_bounded("short", 16), {}, _bounded("short", 16)),
    "java.lang.Short": (_bounded("short", 16), {}, _bounded("short", 16)),
    "byte": (_bounded("byte", 8), {}, _bounded("byte", 8)),
    "java.lang.Byte": (_bounded("byte", 8), {}, _bounded("byte", 8)),
}


def _check_int(value: Any) -> None:
    if type(value) is not int:
        raise unfit("int", value)


class IntWriter(ScalarWriter):
    """
    Writes an int as one Java type.
    """

    def __init__(self, java_type: str) -> None:
        encode, self._small, self._large = _INTS[java_type]

        def write(e: Encoder, value: int) -> None:
            _check_int(value)
            e.out.append(encode(value))

        super().__init__(write)

    def inline(self, source: Source, value: str) -> None:
        with source.block(f"if type({value}) is not int:"):
            source.add(f"{source.bind(_check_int)}({value})")
        word = "if"
        if self._large is large_long:
            _inline_longs(source, value)
            word = "elif"
        small = source.bind(self._small)
        with source.block(f"{word} (short := {small}.get({value})) is not None:"):
            source.add("append(short)")
        with source.block("else:"):
            source.add(f"append({source.bind(self._large)}({value}))")


def _inline_longs(source: Source, value: str) -> None:
    """
    Write branches for the longs of an id or a time, which are most of the larger ones.

    They come first: to compare takes less than to look up a long that is not in a dict.
    """
    with source.block(f"if 0x40000 <= {value} < 0x80000000:"):
        source.add(f"append({source.bind(TAGGED_INT.pack)}(0x59, {value}))")
    with source.block(f"elif 0x80000000 <= {value} < 1 << 63:"):
        source.add(f"append({source.bind(TAGGED_LONG.pack)}(0x4C, {value}))")


class IntegerWriter(ScalarWriter):
    """
    Writes an int as the Java type that its value needs.
    """

    def __init__(self) -> None:
        super().__init__(write_integer)

    def inline(self, source: Source, value: str) -> None:
        source.add(
            f"short = {source.bind(SMALL_INTS)}.get({value}) if type({value}) is int else None"
        )
        with source.block("if short is not None:"):
            source.add("append(short)")
        with source.block(f"elif type({value}) is int and -(1 << 63) <= {value} < 1 << 63:"):
            source.add(f"append({source.bind(encode_integer)}({value}))")
        with source.block("else:"):
            super().inline(source, value)


def int_writer(java_type: str) -> Writer:
    """
    Return what writes an int as this Java type; empty: as the value needs.
    """
    if not java_type:
        return IntegerWriter()
    if java_type == "java.math.BigInteger":
        return checked(int, write_big_integer)
    if java_type not in _INTS:
        raise TypeError(f"an int cannot be a Java {java_type}; expected one of {', '.join(_INTS)}")
    return IntWriter(java_type)


#: An integer of more bits is no finite double.
_FLOAT_BITS = 1024


def write_float(e: Encoder, value: float) -> None:
    """
    Write a double; an int that a double is equal to is accepted.
    """
    if type(value) is int and value.bit_length() < _FLOAT_BITS and float(value) == value:
        value = float(value)
    elif type(value) is not float:
        raise unfit("float", value)
    e.out.append(encode_double(value))


class FloatWriter(ScalarWriter):
    """
    Writes a double.
    """

    def __init__(self) -> None:
        super().__init__(write_float)

    def inline(self, source: Source, value: str) -> None:
        with source.block(f"if type({value}) is float:"):
            source.add(f"append({source.bind(encode_double)}({value}))")
        with source.block("else:"):
            super().inline(source, value)


class BoolWriter(ScalarWriter):
    """
    Writes a boolean.
    """

    def __init__(self) -> None:
        super().__init__(write_bool)

    def inline(self, source: Source, value: str) -> None:
        with source.block(f"if {value} is True:"):
            source.add("append(b'T')")
        with source.block("else:"):
            super().inline(source, value)


def write_str(e: Encoder, value: str) -> None:
    """
    Write a string.
    """
    if type(value) is not str:
        raise unfit("str", value)
    e.out.append(encode_string(value))


class StrWriter(ScalarWriter):
    """
    Writes a string.
    """

    def __init__(self) -> None:
        super().__init__(write_str)

    def inline(self, source: Source, value: str) -> None:
        # The usual string: in ASCII, and not long.
        with source.block(
            f"if type({value}) is str and {value}.isascii() and len({value}) < 1024:"
        ):
            source.add(
                f"append({source.bind(STRING_HEADS)}[len({value})])", f"append({value}.encode())"
            )
        with source.block(f"elif type({value}) is str:"):
            source.add(f"append({source.bind(encode_string)}({value}))")
        with source.block("else:"):
            super().inline(source, value)


def write_binary(e: Encoder, value: bytes) -> None:
    """
    Write bytes.
    """
    e.out.append(encode_binary(bytes(value)))


def checked(cls: type, write: Write) -> Writer:
    """
    Return what writes instances of a class only, and of no subclass.
    """

    def write_checked(e: Encoder, value: Any) -> None:
        if type(value) is not cls:
            raise unfit(cls.__qualname__, value)
        write(e, value)

    return Writer(write_checked)


class OptionalWriter(Writer):
    """
    Writes a value or null.
    """

    def __init__(self, inner: Writer) -> None:
        self._inner = inner
        self.scalar, self.plain_list = inner.scalar, inner.plain_list

        def write(e: Encoder, value: Any) -> None:
            if value is None:
                e.out.append(b"N")
            else:
                inner.write(e, value)

        super().__init__(write)

    def inline(self, source: Source, value: str) -> None:
        with source.block(f"if {value} is None:"):
            source.add("append(b'N')")
        with source.block("else:"):
            self._inner.inline(source, value)


def any_of(members: Sequence[tuple[type, Writer]]) -> Writer:
    """
    Return what writes a value of one of several classes.
    """
    exact = dict(members)
    name = " | ".join(cls.__qualname__ for cls in exact)

    def write(e: Encoder, value: Any) -> None:
        found = exact.get(type(value))
        if found is None:
            found = next((each for cls, each in members if isinstance(value, cls)), None)
            if found is None:
                raise unfit(name, value)
        found.write(e, value)

    return Writer(write)


def literal_writer(values: Sequence[Any]) -> Writer:
    """
    Return what writes one of some values.
    """
    known = {(type(value), value) for value in values}

    def write(e: Encoder, value: Any) -> None:
        if not isinstance(value, (int, str, type(None))) or (type(value), value) not in known:
            raise unfit(f"one of {', '.join(map(repr, values))}", value)
        write_any(e, value)

    return Writer(write)
