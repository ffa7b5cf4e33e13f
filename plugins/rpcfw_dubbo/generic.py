"""
Answers to ``$invoke``: plain maps and lists, for callers that have no class of the provider.

As Dubbo's ``PojoUtils`` makes them: an object is a map with the name of its Java class under
``class``, an enum its name, an exception a ``GenericException``. Maps have no types, so a number
that is annotated as a long is written as one, whatever its value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, ClassVar, Final

import attrs
import msgspec

from rpcfw.spi.codec import Coder
from rpcfw_dubbo.codec import DubboCodec
from rpcfw_dubbo.request_heads import GENERIC_CODEC
from rpcfw_dubbo.type_hints import field_hints, is_long, item_hints
from rpcfw_hessian import JavaException, JavaLong, JavaObject, MapEntries, Schema
from rpcfw_hessian.annotations import written_name_of_field
from rpcfw_hessian.errors import HessianError

__all__ = ["GenericCodec", "plain"]

_EXCEPTION: Final = "org.apache.dubbo.rpc.service.GenericException"


class GenericCodec(DubboCodec):
    """
    Encodes the responses of generic calls. No client uses it.
    """

    name: ClassVar[str] = GENERIC_CODEC

    def coder(self, type: Any) -> Coder:
        typed = super().coder(type)
        schema: Schema = self.options.new_schema()

        def encode(message: Any) -> bytes:
            return schema.dumps(plain(message, schema.java_class, type))

        # Of maps, an object is made again by its type.
        return Coder(encode, typed.decode, typed.at_once_bytes)

    def error_details(self, error: Exception) -> bytes:
        schema: Schema = self.options.new_schema()
        java_class = schema.java_class(type(error))
        if java_class is None:
            return b""
        text = str(error)
        named = {"exceptionClass": java_class, "exceptionMessage": text}
        thrown = JavaException(_EXCEPTION, f"{java_class}: {text}", fields=named)
        return schema.dumps(thrown)


def plain(value: Any, java_class: Callable[[type], str | None], hint: Any = Any) -> Any:
    """
    Return a value in which objects are maps. What refers to itself still does.

    Args:
        java_class: returns the Java class of a Python class, if it has one.
        hint: the annotation of the value.

    Raises:
        HessianError: too many values are inside each other.
    """
    try:
        return _plain(value, hint, java_class, {})
    except RecursionError as error:
        raise HessianError("the value has too many values inside each other") from error


def _plain(
    value: Any, hint: Any, java_class: Callable[[type], str | None], seen: dict[int, Any]
) -> Any:
    if isinstance(value, Enum):
        return value.name
    if type(value) is int:
        return JavaLong(value) if is_long(hint) else value
    known = seen.get(id(value))
    if known is not None:
        return known
    if isinstance(value, MapEntries):
        pairs = MapEntries()
        seen[id(value)] = pairs
        for key, each in value:
            pairs.append((_plain(key, Any, java_class, seen), _plain(each, Any, java_class, seen)))
        return pairs
    if isinstance(value, (list, tuple, set, frozenset)):
        items: list[Any] = []
        seen[id(value)] = items
        hints = item_hints(hint, value)
        items += [_plain(*each, java_class, seen) for each in zip(value, hints, strict=True)]
        return items
    name = value.java_class if isinstance(value, JavaObject) else java_class(type(value))
    entries_of = _entries(value, hint, has_java_class=name is not None)
    if entries_of is None:
        return value
    entries: dict[Any, Any] = {}
    seen[id(value)] = entries
    if name is not None:
        entries["class"] = name
    for key, each, its_hint in entries_of:
        entries[key] = _plain(each, its_hint, java_class, seen)
    return entries


def _entries(
    value: Any, hint: Any, *, has_java_class: bool
) -> Iterable[tuple[Any, Any, Any]] | None:
    """
    Return the entries of a map, or the fields of an object by their names in messages.

    After each value comes its annotation.
    """
    if isinstance(value, dict):
        of_key, of_value = item_hints(hint, value)
        return [(_plain_key(key, of_key), each, of_value) for key, each in value.items()]
    if isinstance(value, JavaObject):
        return [(name, each, Any) for name, each in value.fields.items()]
    cls = type(value)
    names = _fields(value)
    if names is None:
        return None
    hints = field_hints(cls, hint)
    return [
        (
            written_name_of_field(cls, name, encoded, has_java_class=has_java_class),
            getattr(value, name),
            hints.get(name, Any),
        )
        for name, encoded in names
    ]


def _plain_key(key: Any, hint: Any) -> Any:
    """
    Return a key of a map: a plain one that Python can hash, if it is one of these.
    """
    if isinstance(key, Enum):
        return key.name
    return JavaLong(key) if type(key) is int and is_long(hint) else key


def _fields(value: Any) -> Iterable[tuple[str, str]] | None:
    """
    Return the names of an object's fields, each with that of msgspec; None if it has none.
    """
    cls = type(value)
    if is_dataclass(cls):
        return [(each.name, each.name) for each in fields(cls)]
    if attrs.has(cls):
        return [(each.name, each.name) for each in attrs.fields(cls)]
    if isinstance(value, msgspec.Struct):
        return zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    return None
