"""
Reads values one after the other from bytes: what all kinds of values have in common.

The functions that read one kind take the decoder and move its ``pos``. Python's own errors at
the end of the bytes are turned into a `HessianError` in one place, `Decoder.read_shape`, and
not tested for at every byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NoReturn, Protocol, TypeVar

from attrs import define

from rpcfw_hessian import tags
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.hash_guard import HashGuard
from rpcfw_hessian.limits import Limits
from rpcfw_hessian.numbers import INTEGER_SIZE, read_integer
from rpcfw_hessian.text import read_string

__all__ = ["INCOMPLETE", "Classes", "Decoder", "Definition", "Expected"]

T = TypeVar("T")

#: What Python raises on bytes that end early or have no sense.
_GARBAGE = (LookupError, struct.error, ValueError, RecursionError, ArithmeticError, TypeError)
#: Stands for a value that can only be made once all its parts were read.
INCOMPLETE: Any = object()
#: Class definitions and names of types in one message: far more than any program has.
_MAX_DEFINITIONS = 4096


@define(eq=False)
class Definition:
    """
    A class as the message defines it.

    Args:
        fields: names of Java's fields, in the order in which each instance has their values.
        read: reads an instance whose tag was read.
        cls: the Python class of the instances, if one is known.
        known: what the program has for the class, if anything.
    """

    java_class: str
    fields: tuple[str, ...]
    read: Callable[[Decoder], Any]
    cls: type | None = None
    known: object = None


class Expected(Protocol):
    """
    What is expected at a place, as `rpcfw_hessian.shape.Shape` says it.
    """

    @property
    def name(self) -> str: ...

    def read(self, d: Decoder) -> Any: ...

    def fits(self, value: Any, d: Decoder) -> bool: ...

    def inner(self, value: Any) -> Iterable[tuple[Expected, Any]]: ...


class Classes(Protocol):
    """
    What a decoder asks of its schema.
    """

    @property
    def limits(self) -> Limits: ...

    def shape(self, type: Any) -> Expected:
        """
        Return what reads values of a type.
        """

    @property
    def read_definition(self) -> Callable[[Decoder], Definition]:
        """
        Read a class definition whose tag was read.
        """

    def map_reader(self, java_class: str) -> Callable[[Decoder], Any] | None:
        """
        Return what reads instances of a class that are written as maps, if it is known.
        """


class Decoder:
    """
    Reads values that were written one after the other, with references from one to another.

    After an error it is of no use any more.

    Args:
        data: the whole message.
        schema: the classes that may come, and the limits.
    """

    __slots__ = (
        "data",
        "definitions",
        "depth",
        "guard",
        "limits",
        "max_depth",
        "max_objects",
        "pos",
        "refs",
        "schema",
        "types",
        "unchecked",
    )

    def __init__(self, data: bytes, schema: Classes) -> None:
        self.data = data
        self.pos = 0
        self.schema = schema
        self.limits = limits = schema.limits
        self.max_depth = limits.max_depth
        self.max_objects = limits.max_objects
        #: Lists, maps and objects in the order in which they began.
        self.refs: list[Any] = []
        self.definitions: list[Definition] = []
        self.types: list[str] = []
        self.depth = 0
        #: Made at the first key that is not a string. Most messages have none.
        self.guard: HashGuard | None = None
        #: Lists and maps that a reference brought to a place where a type is expected.
        self.unchecked: list[tuple[Any, Expected]] = []

    @property
    def at_end(self) -> bool:
        """
        Whether all bytes were read.
        """
        return self.pos >= len(self.data)

    def read(self, type: Any = Any) -> Any:
        """
        Read the next value.

        Args:
            type: what is expected. An annotation, as for a method of a service.

        Raises:
            HessianError: the bytes are no value, or none of this type.
        """
        return self.read_shape(self.schema.shape(type))

    def read_shape(self, shape: Expected) -> Any:
        """
        Read the next value by what `Schema.shape` returned for its type.
        """
        try:
            value = shape.read(self)
            if self.unchecked:
                self._check_shared()
            if self.pos > len(self.data):
                raise HessianError("expected more of a string, got the end of the message")
            return value
        except HessianError:
            raise
        except _GARBAGE as error:
            if self.pos >= len(self.data) or isinstance(error, (IndexError, struct.error)):
                raise HessianError("expected a value, got the end of the message") from error
            raise HessianError(
                f"expected a value before byte {self.pos}, got bytes that are none: {error}"
            ) from error

    def check_end(self) -> None:
        """
        Raise unless all bytes were read.
        """
        if not self.at_end:
            raise HessianError(
                f"expected the end of the message, got {len(self.data) - self.pos} more bytes"
            )

    # The rest is for the functions that read one kind of value.

    def begin(self, value: Any) -> None:
        """
        Number a list, map or object that is about to be read, and go into it.
        """
        refs = self.refs
        if len(refs) >= self.max_objects or self.depth >= self.max_depth:
            self.refuse()
        refs.append(value)
        self.depth += 1

    def refuse(self) -> NoReturn:
        """
        Raise because there is one list, map or object too many.
        """
        if len(self.refs) >= self.max_objects:
            raise HessianError(
                f"expected at most {self.max_objects} lists, maps and objects, got more"
            )
        raise HessianError(f"expected at most {self.max_depth} values inside each other, got more")

    def integer(self) -> int:
        """
        Read an integer that is part of another value: a size, an index.
        """
        pos = self.pos
        size = INTEGER_SIZE[self.data[pos]]
        if not size:
            raise HessianError(f"expected an integer, got {tags.kind_of(self.data[pos])}")
        self.pos = pos + size
        return read_integer(self.data, pos)

    def string(self) -> str:
        """
        Read a string that is part of another value: a name.
        """
        tag = self.data[self.pos]
        if tag not in tags.STRING:
            raise HessianError(f"expected a string, got {tags.kind_of(tag)}")
        text, self.pos = read_string(self.data, self.pos, self.limits.max_length)
        return text

    def count(self, count: int) -> int:
        """
        Return the announced size of a list or of a definition, if it is possible.
        """
        left = len(self.data) - self.pos
        if not 0 <= count <= left:
            raise HessianError(f"expected at most {left} values in {left} bytes, got {count}")
        self.check_size(count)
        return count

    def check_size(self, count: int) -> None:
        """
        Raise if a list or map has too many items.
        """
        if count > self.limits.max_length:
            raise HessianError(
                f"expected a list or map of at most {self.limits.max_length} items, got {count}"
            )

    def type(self) -> str:
        """
        Read the name of a type, or its number if it came before.
        """
        if self.data[self.pos] in tags.STRING:
            name = self.string()
            if len(self.types) >= _MAX_DEFINITIONS:
                raise HessianError(f"expected at most {_MAX_DEFINITIONS} names of types, got more")
            if self.schema.map_reader(name) is None:
                self.limits.check_class(name)
            self.types.append(name)
            return name
        return _listed(self.types, self.integer(), "types")

    def shared(self) -> Any:
        """
        Return the value that a reference, whose tag was read, refers to.
        """
        value = _listed(self.refs, self.integer(), "objects")
        if value is INCOMPLETE:
            raise HessianError(
                "expected no reference to a value around it, as Python has it only once it is "
                "complete: a tuple, frozenset, msgspec.Struct or a class of the JDK"
            )
        return value

    def definition(self) -> Definition:
        """
        Read class definitions, if any, and the tag of an instance; return its class.
        """
        tag = self.data[self.pos]
        while tag == 0x43:
            self.pos += 1
            if len(self.definitions) >= _MAX_DEFINITIONS:
                raise HessianError(f"expected at most {_MAX_DEFINITIONS} classes, got more")
            self.definitions.append(self.schema.read_definition(self))
            tag = self.data[self.pos]
        self.pos += 1
        if 0x60 <= tag < 0x70:
            return _listed(self.definitions, tag - 0x60, "classes")
        if tag == 0x4F:
            return _listed(self.definitions, self.integer(), "classes")
        raise HessianError(f"expected an instance of a class, got {tags.kind_of(tag)}")

    def ends(self) -> bool:
        """
        Whether the end of a map, or of a list without a size, is here; go past it.
        """
        if self.data[self.pos] == 0x5A:
            self.pos += 1
            return True
        return False

    def check_key(self, key: Hashable, size: int) -> None:
        """
        Raise if a key that is not a string is one of too many.

        Args:
            size: keys that its map has.
        """
        guard = self.guard
        if guard is None:
            guard = self.guard = HashGuard(self.limits.max_hashed)
        guard.check(key, size)

    def accept_shared(self, shape: Expected) -> Any:
        """
        Return the value that a reference, whose tag was read, refers to, if it fits.
        """
        value = self.shared()
        if not shape.fits(value, self):
            raise HessianError(
                f"expected {shape.name}, got a reference to {type(value).__qualname__}"
            )
        return value

    def _check_shared(self) -> None:
        """
        Check the items of what references brought to a place where a type is expected.

        Only now, since a list may refer to itself before it is complete. Each is checked
        once for a type, so a message with many references takes no longer.
        """
        seen: set[tuple[int, int]] = set()
        while self.unchecked:
            value, shape = self.unchecked.pop()
            if (id(value), id(shape)) in seen:
                continue
            seen.add((id(value), id(shape)))
            for expected, item in shape.inner(value):
                if not expected.fits(item, self):
                    raise HessianError(
                        f"expected {shape.name}, got a reference to one with "
                        f"{type(item).__qualname__} in it"
                    )


def _listed(values: list[T], index: int, what: str) -> T:
    if not 0 <= index < len(values):
        raise HessianError(
            f"expected a reference to one of {len(values)} {what} before it, got number {index}"
        )
    return values[index]
