"""
Writes values of an expected type: for each kind of type, what returns the function for it.

Each checks its value, so that a mistake is an error at the writer and not in Java.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from rpcfw_hessian.encoder import Encoder, Write
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.jdk_writers import write_big_integer
from rpcfw_hessian.numbers import encode_double, encode_int, encode_integer, encode_long
from rpcfw_hessian.text import encode_binary, encode_string

__all__ = [
    "any_of",
    "checked",
    "dict_writer",
    "float_writer",
    "int_writer",
    "list_writer",
    "literal_writer",
    "optional_writer",
    "str_writer",
    "tuple_writer",
    "write_any",
    "write_binary",
    "write_bool",
    "write_integer",
    "write_null",
]


def unfit(expected: str, value: Any) -> HessianError:
    """
    Return the error for a value of another type.
    """
    return HessianError(f"expected {expected}, got {type(value).__qualname__}")


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
            raise HessianError(f"expected a Java {name}, of {bits} bits, got {value}")
        return encode_int(value)

    return encode


_INTS: dict[str, Callable[[int], bytes]] = {
    "int": encode_int,
    "java.lang.Integer": encode_int,
    "long": encode_long,
    "java.lang.Long": encode_long,
    "short": _bounded("short", 16),
    "java.lang.Short": _bounded("short", 16),
    "byte": _bounded("byte", 8),
    "java.lang.Byte": _bounded("byte", 8),
}


def int_writer(java_type: str) -> Write:
    """
    Return what writes an int as this Java type; empty: as the value needs.
    """
    if not java_type:
        return write_integer
    if java_type == "java.math.BigInteger":
        return checked(int, write_big_integer)
    encode = _INTS.get(java_type)
    if encode is None:
        raise TypeError(f"an int cannot be a Java {java_type}; expected one of {', '.join(_INTS)}")

    def write(e: Encoder, value: int) -> None:
        if type(value) is not int:
            raise unfit("int", value)
        e.out.append(encode(value))

    return write


def float_writer(e: Encoder, value: float) -> None:
    """
    Write a double; an int that a double is equal to is accepted.
    """
    if type(value) is int and float(value) == value:
        value = float(value)
    elif type(value) is not float:
        raise unfit("float", value)
    e.out.append(encode_double(value))


def str_writer(e: Encoder, value: str) -> None:
    """
    Write a string.
    """
    if type(value) is not str:
        raise unfit("str", value)
    e.out.append(encode_string(value))


def write_binary(e: Encoder, value: bytes) -> None:
    """
    Write bytes.
    """
    e.out.append(encode_binary(bytes(value)))


def checked(cls: type, write: Write) -> Write:
    """
    Return what writes instances of a class only.
    """

    def write_checked(e: Encoder, value: Any) -> None:
        if not isinstance(value, cls) or isinstance(value, bool):
            raise unfit(cls.__qualname__, value)
        write(e, value)

    return write_checked


def optional_writer(inner: Write) -> Write:
    """
    Return what writes a value or null.
    """

    def write(e: Encoder, value: Any) -> None:
        if value is None:
            e.out.append(b"N")
        else:
            inner(e, value)

    return write


def list_writer(cls: type[Collection[Any]], item: Write, java_class: str) -> Write:
    """
    Return what writes a list, set, tuple or frozenset.

    Args:
        java_class: as lists have it on the wire; empty: Java makes an ArrayList.
    """

    def write(e: Encoder, value: Any) -> None:
        if not isinstance(value, cls):
            raise unfit(cls.__qualname__, value)
        # There is one empty tuple in Python: of that a reference would say too much.
        if value and e.refer(value):
            return
        if not value:
            e.kept.append(value)
        e.list_head(java_class, len(value))
        index = 0
        try:
            for index, each in enumerate(value):  # noqa: B007 - the error names it
                item(e, each)
        except HessianError as error:
            error.path.append(f"[{index}]")
            raise

    return write


def tuple_writer(items: Sequence[Write]) -> Write:
    """
    Return what writes a tuple with a type for each place.
    """

    def write(e: Encoder, value: Any) -> None:
        if not isinstance(value, tuple) or len(value) != len(items):
            raise unfit(f"a tuple of {len(items)}", value)
        e.kept.append(value)
        e.list_head("", len(value))
        for item, each in zip(items, value, strict=True):
            item(e, each)

    return write


def dict_writer(key: Write, value: Write, java_class: str) -> Write:
    """
    Return what writes a dict.

    Args:
        java_class: empty: Java makes a HashMap.
    """

    def write(e: Encoder, entries: Any) -> None:
        if not isinstance(entries, dict):
            raise unfit("dict", entries)
        if e.refer(entries):
            return
        if java_class:
            e.out.append(b"M")
            e.type(java_class)
        else:
            e.out.append(b"H")
        for name, each in entries.items():
            key(e, name)
            value(e, each)
        e.out.append(b"Z")

    return write


def any_of(members: Sequence[tuple[type, Write]], name: str) -> Write:
    """
    Return what writes a value of one of several classes.
    """
    exact = dict(members)

    def write(e: Encoder, value: Any) -> None:
        found = exact.get(type(value))
        if found is None:
            found = next((each for cls, each in members if isinstance(value, cls)), None)
            if found is None:
                raise unfit(name, value)
        found(e, value)

    return write


def literal_writer(values: Sequence[Any]) -> Write:
    """
    Return what writes one of some values.
    """
    known = {(type(value), value) for value in values}

    def write(e: Encoder, value: Any) -> None:
        if not isinstance(value, (int, str, type(None))) or (type(value), value) not in known:
            raise unfit(f"one of {', '.join(map(repr, values))}", value)
        write_any(e, value)

    return write
