"""
Answers to ``$invoke``: plain maps and lists, for callers that have no class of the provider.

As Dubbo's ``PojoUtils`` makes them: an object is a map with the name of its Java class under
``class``, an enum its name, an exception a ``GenericException``.
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
from rpcfw_hessian import JavaException, JavaObject, Schema
from rpcfw_hessian.annotations import java_name_of_field

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
            return schema.dumps(plain(message, schema.java_class))

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


def plain(value: Any, java_class: Callable[[type], str | None]) -> Any:
    """
    Return a value in which objects are maps. What refers to itself still does.

    Args:
        java_class: returns the Java class of a Python class, if it has one.
    """
    return _plain(value, java_class, {})


def _plain(value: Any, java_class: Callable[[type], str | None], seen: dict[int, Any]) -> Any:
    if isinstance(value, Enum):
        return value.name
    known = seen.get(id(value))
    if known is not None:
        return known
    if isinstance(value, (list, tuple, set, frozenset)):
        items: list[Any] = []
        seen[id(value)] = items
        items += [_plain(each, java_class, seen) for each in value]
        return items
    pairs = _pairs(value)
    if pairs is None:
        return value
    entries: dict[Any, Any] = {}
    seen[id(value)] = entries
    name = value.java_class if isinstance(value, JavaObject) else java_class(type(value))
    if name is not None:
        entries["class"] = name
    for key, each in pairs:
        entries[key] = _plain(each, java_class, seen)
    return entries


def _pairs(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """
    Return the entries of a map, or the fields of an object by their Java names.
    """
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, JavaObject):
        return value.fields.items()
    cls = type(value)
    if is_dataclass(cls):
        names = [each.name for each in fields(cls)]
    elif attrs.has(cls):
        names = [each.name for each in attrs.fields(cls)]
    elif isinstance(value, msgspec.Struct):
        names = list(value.__struct_fields__)
    else:
        return None
    return [(java_name_of_field(cls, name), getattr(value, name)) for name in names]
