"""
JVM descriptors: the parameter types of a Java method, which are part of its name on the wire.

A provider in Java finds a method by its name and this text (JVM specification, section 4.3). So
it must be exact: ``I`` is an ``int``, and ``Ljava/lang/Integer;`` another method.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, NewType, get_args, get_origin
from uuid import UUID

import msgspec

from rpcfw.errors import ContractError
from rpcfw_hessian.annotations import declared_class, said_type

__all__ = ["GENERIC", "descriptor_of", "java_types", "java_types_of", "parse_signature"]

#: The descriptor of ``$invoke``: the call of any method by name, types and arguments.
GENERIC: Final = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"

_PRIMITIVES: Final = {
    "boolean": "Z",
    "byte": "B",
    "char": "C",
    "double": "D",
    "float": "F",
    "int": "I",
    "long": "J",
    "short": "S",
}
_BY_LETTER: Final = {letter: name for name, letter in _PRIMITIVES.items()}
_BOXES: Final = {
    "boolean": "java.lang.Boolean",
    "byte": "java.lang.Byte",
    "char": "java.lang.Character",
    "double": "java.lang.Double",
    "float": "java.lang.Float",
    "int": "java.lang.Integer",
    "long": "java.lang.Long",
    "short": "java.lang.Short",
}
_TYPE = re.compile(r"\[*(?:[ZBCSIJFD]|L[^;\[.]+;)")
_NAME = re.compile(r"[\w$.]+(?:\[\])*\Z")
#: A Java method has at most 255 parameters (JVM specification, section 4.3.3).
_MAX_PARAMETERS = 255

#: The Java types of Python classes; a datetime is before a date, a bool before an int.
_CLASSES: Final[Sequence[tuple[type, str]]] = (
    (bool, "boolean"),
    (int, "int"),
    (float, "double"),
    (str, "java.lang.String"),
    (bytes, "byte[]"),
    (datetime, "java.util.Date"),
    (date, "java.time.LocalDate"),
    (time, "java.time.LocalTime"),
    (timedelta, "java.time.Duration"),
    (Decimal, "java.math.BigDecimal"),
    (UUID, "java.util.UUID"),
    (list, "java.util.List"),
    (tuple, "java.util.List"),
    (set, "java.util.Set"),
    (frozenset, "java.util.Set"),
    (dict, "java.util.Map"),
    (Mapping, "java.util.Map"),
    (AbstractSet, "java.util.Set"),
    (Sequence, "java.util.List"),
)


def java_types_of(descriptor: str) -> tuple[str, ...]:
    """
    Return the Java types in a descriptor, as ``("java.lang.String", "int[]")``.

    Nothing is remembered here: a peer chooses the text.

    Raises:
        ValueError: it is none.
    """
    found: list[str] = []
    pos = 0
    while pos < len(descriptor):
        match = _TYPE.match(descriptor, pos)
        if match is None or len(found) == _MAX_PARAMETERS:
            raise ValueError(f"{descriptor[:100]!r} is no descriptor of Java parameters")
        found.append(_java_type(match[0]))
        pos = match.end()
    return tuple(found)


def _java_type(descriptor: str) -> str:
    element = descriptor.lstrip("[")
    name = _BY_LETTER.get(element) or element[1:-1].replace("/", ".")
    return name + "[]" * (len(descriptor) - len(element))


def descriptor_of(java_types: Sequence[str]) -> str:
    """
    Return the descriptor of Java types.
    """
    return "".join(map(_descriptor, java_types))


def _descriptor(java_type: str) -> str:
    name = java_type.rstrip("[]")
    element = _PRIMITIVES.get(name) or f"L{name.replace('.', '/')};"
    return "[" * java_type.count("[") + element


def parse_signature(method_name: str) -> tuple[str, tuple[str, ...] | None]:
    """
    Return the name of a method, and its Java types if it is written as ``say(int,java.util.List)``.

    Raises:
        ContractError: there is something else in the parentheses.
    """
    name, bracket, rest = method_name.partition("(")
    if not bracket:
        return name, None
    names = rest.removesuffix(")").split(",") if rest != ")" else []
    if not rest.endswith(")") or not all(map(_NAME.match, names)):
        raise ContractError(
            f"{method_name!r}: expected Java types in parentheses, without spaces, "
            "as say(int,java.lang.String)"
        )
    return name, tuple(names)


def java_types(annotations: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """
    Return the Java types of parameters.

    Raises:
        ContractError: one has none.
    """
    return tuple(_type_of(hint, f"{where}: {name}") for name, hint in annotations.items())


def _type_of(hint: Any, where: str) -> str:
    """
    Return the Java type of an annotation. What may be None has the class of a primitive.
    """
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if get_origin(hint) is Annotated:
        said = _said(get_args(hint)[1:])
        return said or _type_of(get_args(hint)[0], where)
    if get_origin(hint) in (typing.Union, types.UnionType):
        members = [each for each in get_args(hint) if each is not type(None)]
        if len(members) == 1:
            found = _type_of(members[0], where)
            return _BOXES.get(found, found)
        return "java.lang.Object"
    if hint is Any or hint is object:
        return "java.lang.Object"
    cls = get_origin(hint) or hint
    found = _class_name(cls) if isinstance(cls, type) else ""
    if not found:
        raise ContractError(
            f"{where} has no Java type: {hint!r}; mark the class with @java, or annotate it with "
            'java_type, as Annotated[Order, java_type("com.acme.Order")]'
        )
    return found


def _said(extras: Sequence[Any]) -> str:
    for extra in extras:
        found = said_type(extra.extra) if isinstance(extra, msgspec.Meta) else ""
        if found:
            return found
    return ""


def _class_name(cls: type) -> str:
    declared = declared_class(cls)
    if declared is not None:
        return declared
    if issubclass(cls, Enum):
        return ""
    return next((name for known, name in _CLASSES if issubclass(cls, known)), "")
