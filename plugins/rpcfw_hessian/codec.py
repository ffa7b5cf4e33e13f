"""
Hessian 2 as a codec, for every wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any, ClassVar, get_origin

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Codec, Coder
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw_hessian.limits import Limits
from rpcfw_hessian.schema import Schema

__all__ = ["Hessian2Codec", "Hessian2Options"]

#: Larger bodies are decoded in a thread: the decoder is Python code, and takes a millisecond for
#: some ten thousand small values.
_AT_ONCE_BYTES = 16 << 10
#: Where the options are, whoever uses them.
_SECTION = "codec hessian2"


@options
class Hessian2Options:
    """
    What the INI may say, in one section for all codecs and protocols that carry Hessian 2.
    """

    classes: tuple[str, ...] = option(
        "",
        "Java classes of Python classes, as com.acme.Order = shop.models:Order; instances of "
        "these are made wherever they come",
        section=_SECTION,
    )
    allowed_classes: tuple[str, ...] = option(
        "*",
        "patterns of the Java classes that may come, as com.acme.*, besides those of the JDK and "
        "those that have a Python class",
        section=_SECTION,
    )
    max_depth: int = option("128", "maximum number of values inside each other", section=_SECTION)
    max_objects: int = option(
        "250000", "maximum number of lists, maps and objects in a message", section=_SECTION
    )
    max_length: int = option(
        "16777216",
        "maximum size of a string, binary, list or map: characters, bytes or items",
        section=_SECTION,
    )
    max_hashed_keys: int = option(
        "10000",
        "maximum number of keys of a map, or items of a set, that are no strings",
        section=_SECTION,
    )

    def new_schema(self) -> Schema:
        """
        Return a new schema with these classes and limits.
        """
        limits = self._limits(self.allowed_classes)
        return Schema(names=dict(map(_class_of, self.classes)), limits=limits)

    def new_general_schema(self) -> Schema:
        """
        Return one without Python classes, for what is looked at before its type is known.

        Each class may come, since it may be one that the type has: a `JavaObject` is made of it.
        """
        return Schema(limits=self._limits(("*",)))

    def _limits(self, classes: tuple[str, ...]) -> Limits:
        return Limits(
            max_depth=self.max_depth,
            max_objects=self.max_objects,
            max_length=self.max_length,
            max_hashed=self.max_hashed_keys,
            classes=classes,
        )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find classes that are not there, and limits that let nothing through.
        """
        for line in self.classes:
            try:
                _class_of(line)
            except (ValueError, TypeError, ImportError, AttributeError) as error:
                yield "classes", f"{line!r} names no class: {error}"
        limits = ("max_depth", "max_objects", "max_length", "max_hashed_keys")
        yield from below_minimum(self, dict.fromkeys(limits, 1))


def _class_of(line: str) -> tuple[str, type]:
    """
    Read ``com.acme.Order = shop.models:Order``.
    """
    java_class, equals, target = (part.strip() for part in line.partition("="))
    if not (java_class and equals and ":" in target):
        raise ValueError("expected com.acme.Order = shop.models:Order")
    cls = resolve_name(target)
    if not isinstance(cls, type):
        raise TypeError(f"{target} is no class")
    return java_class, cls


class Hessian2Codec(Codec):
    """
    Hessian 2 in Dubbo's dialect, for builtins, dataclasses, attrs classes and msgspec structs.

    Each type has a schema of its own, so two services may have different Python classes for
    one Java class.
    """

    name: ClassVar[str] = "hessian2"
    Options: ClassVar[type] = Hessian2Options

    def __init__(self, options: Hessian2Options, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._errors = options.new_schema()

    def coder(self, type: Any) -> Coder:
        try:
            schema = self.options.new_schema()
            encode, decode = schema.dumper(type), schema.loader(type)
        except TypeError as error:
            name = repr(type) if get_origin(type) else getattr(type, "__qualname__", repr(type))
            raise ContractError(
                f"Hessian cannot carry {name}: {error}; use builtins, dataclasses, attrs "
                "classes, msgspec structs or Enums"
            ) from error
        return Coder(encode=encode, decode=decode, at_once_bytes=_AT_ONCE_BYTES)

    def error_details(self, error: Exception) -> bytes:
        """
        Return an exception that has a Java class as it is written in Hessian.
        """
        schema = self._errors
        return schema.dumps(error) if schema.java_class(type(error)) else b""
