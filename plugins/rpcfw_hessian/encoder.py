"""
Writes values one after the other: what all kinds of values have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.numbers import encode_int
from rpcfw_hessian.text import encode_string

__all__ = ["Encoder", "Write", "Writers", "encode_definition"]

#: Writes one value.
Write = Callable[["Encoder", Any], None]


class Writers(Protocol):
    """
    What an encoder asks of its schema.
    """

    def writer(self, type: Any) -> Write:
        """
        Return what writes values of a type.
        """

    def writer_of(self, cls: type) -> Write:
        """
        Return what writes instances of a class, where no type is expected.
        """

    def java_class(self, cls: type) -> str | None:
        """
        Return the Java class of a Python class, if it has one.
        """


def encode_definition(java_class: str, fields: tuple[str, ...]) -> bytes:
    """
    Return the definition of a class.
    """
    names = b"".join(map(encode_string, fields))
    return b"C" + encode_string(java_class) + encode_int(len(fields)) + names


class Encoder:
    """
    Writes values one after the other, with references from one to another.

    After an error it is of no use any more.
    """

    __slots__ = ("definitions", "kept", "out", "refs", "schema", "types")

    def __init__(self, schema: Writers) -> None:
        self.schema = schema
        self.out: list[bytes] = []
        #: Number of each list, map and object, by its id; of collections with a Java class by
        #: both. They are kept, so that no other value gets the id of one.
        self.refs: dict[int | tuple[int, str], int] = {}
        self.kept: list[Any] = []
        self.definitions: dict[bytes, int] = {}
        self.types: dict[str, int] = {}

    def write(self, value: Any, type: Any = Any) -> None:
        """
        Write the next value.

        Args:
            type: an annotation, as for a method of a service. It decides about Java types, as
                between int and long, and the value is checked.

        Raises:
            HessianError: the value is not of this type, or none that Hessian has.
        """
        self.write_by(self.schema.writer(type), value)

    def write_by(self, write: Write, value: Any) -> None:
        """
        Write the next value by what `Schema.writer` returned for its type.
        """
        try:
            write(self, value)
        except RecursionError as error:
            raise HessianError("the value has too many values inside each other") from error

    def take(self) -> bytes:
        """
        Return all that was written since the last time.
        """
        written = b"".join(self.out)
        self.out.clear()
        return written

    # The rest is for the functions that write one kind of value.

    def refer(self, value: Any) -> bool:
        """
        Write a reference if a list, map or object was written before, else number it.
        """
        key = id(value)
        number = self.refs.get(key)
        if number is not None:
            self.reference(number)
            return True
        self.refs[key] = len(self.kept)
        self.kept.append(value)
        return False

    def reference(self, number: int) -> None:
        """
        Write a reference to a list, map or object by its number.
        """
        self.out.append(b"Q" + encode_int(number))

    def number(self, value: Any) -> None:
        """
        Number an object that nothing refers to: its Java class depends on the place.
        """
        self.kept.append(value)

    def instance(self, definition: bytes) -> None:
        """
        Write the beginning of an instance: its class, but that only once, and its tag.
        """
        number = self.definitions.get(definition)
        if number is None:
            number = self.definitions[definition] = len(self.definitions)
            self.out.append(definition)
        self.out.append(bytes((0x60 + number,)) if number < 16 else b"O" + encode_int(number))

    def type(self, java_class: str) -> None:
        """
        Write the type of a list or map: its name, the next time its number.
        """
        number = self.types.get(java_class)
        if number is None:
            self.types[java_class] = len(self.types)
            self.out.append(encode_string(java_class))
        else:
            self.out.append(encode_int(number))

    def map_head(self, java_class: str) -> None:
        """
        Write the beginning of a map: its tag, and its type if it has one.
        """
        if java_class:
            self.out.append(b"M")
            self.type(java_class)
        else:
            self.out.append(b"H")

    def list_head(self, java_class: str, count: int) -> None:
        """
        Write the beginning of a list: its type and size.

        Always with the size: hessian-lite cannot read the lists without one.
        """
        if not java_class:
            self.out.append(bytes((0x78 + count,)) if count < 8 else b"X" + encode_int(count))
        elif count < 8:
            self.out.append(bytes((0x70 + count,)))
            self.type(java_class)
        else:
            self.out.append(b"V")
            self.type(java_class)
            self.out.append(encode_int(count))
