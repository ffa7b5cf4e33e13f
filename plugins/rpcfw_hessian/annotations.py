"""
What a program says about Java: the class of a Python class, and the Java type of a value.

For the type of a value, put `java_type` into `typing.Annotated`, or use a name from below::

    @java("com.acme.Order")
    @dataclass
    class Order:
        order_id: Long
        tags: Annotated[set[str], java_type("java.util.TreeSet")]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

__all__ = [
    "BigInteger",
    "Byte",
    "Char",
    "Float",
    "Instant",
    "Int",
    "Long",
    "Short",
    "Timestamp",
    "camel_case",
    "declared_class",
    "java",
    "java_name_of_field",
    "java_type",
    "written_name_of_field",
]

C = TypeVar("C", bound=type)

_CLASS = "__java_class__"
_NAMES = "__java_names__"
_EXTRA = "java"


def java(name: str, *, names: Mapping[str, str] | None = None) -> Callable[[C], C]:
    """
    Say which Java class a dataclass, attrs class, `msgspec.Struct`, Enum or exception is.

    Args:
        name: the full name, as ``com.acme.Order``; of a nested class as ``com.acme.Order$Line``.
        names: names of Java's fields by Python's, where one is not the other in camelCase.
    """

    def mark(cls: C) -> C:
        setattr(cls, _CLASS, name)
        setattr(cls, _NAMES, dict(names or {}))
        return cls

    return mark


def declared_class(cls: type) -> str | None:
    """
    Return the Java class that `java` gave to this class, not to one that it extends.
    """
    return vars(cls).get(_CLASS)


def java_name_of_field(cls: type, name: str) -> str:
    """
    Return what a field is called in Java: camelCase, unless `java` says otherwise.
    """
    names: Mapping[str, str] = vars(cls).get(_NAMES, {})
    return names.get(name) or camel_case(name)


def written_name_of_field(cls: type, name: str, encoded_name: str, *, has_java_class: bool) -> str:
    """
    Return what a field is called in a message.

    Args:
        encoded_name: as msgspec has it; another one than the name is kept.
        has_java_class: otherwise the class is no Java class, and its fields have their own names.
    """
    if encoded_name != name:
        return encoded_name
    return java_name_of_field(cls, name) if has_java_class else name


def camel_case(name: str) -> str:
    """
    Return ``orderId`` for ``order_id``.
    """
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def java_type(name: str) -> msgspec.Meta:
    """
    Return what an annotation has for a Java type.

    For an ``int``: ``byte``, ``short``, ``int``, ``long``, ``java.math.BigInteger``. For a
    collection: its class, as ``java.util.TreeSet``, or an array, as ``int[]`` or
    ``java.lang.String[]``. For a datetime: ``java.util.Date``, ``java.sql.Timestamp``,
    ``java.time.Instant``, ...
    """
    return msgspec.Meta(extra={_EXTRA: name})


def said_type(extra: Mapping[str, Any] | None) -> str:
    """
    Return the Java type in the ``extra`` of a `msgspec.Meta`, or empty text.
    """
    return str((extra or {}).get(_EXTRA, ""))


#: 32 bits. A plain ``int`` is a Java int if its value fits one, else a long.
Int = Annotated[int, java_type("int")]
#: 64 bits. Needed in collections: Java does not convert the Integers in a ``List<Long>``.
Long = Annotated[int, java_type("long")]
Short = Annotated[int, java_type("short")]
Byte = Annotated[int, java_type("byte")]
BigInteger = Annotated[int, java_type("java.math.BigInteger")]
#: On the wire a double, as Java writes it.
Float = Annotated[float, java_type("float")]
#: A string of one character.
Char = Annotated[str, java_type("char")]
#: A datetime with a zone is a java.util.Date unless it says one of these.
Instant = Annotated[datetime, java_type("java.time.Instant")]
Timestamp = Annotated[datetime, java_type("java.sql.Timestamp")]
