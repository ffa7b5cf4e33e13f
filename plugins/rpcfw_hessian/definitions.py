"""
Reads class definitions and decides what reads their instances.

A program meets the same definitions in every message. So those of classes that it has, or that
the JDK has, are remembered by their bytes, and compared instead of parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rpcfw_hessian.decoder import INCOMPLETE, Decoder, Definition
from rpcfw_hessian.errors import HessianError, shown
from rpcfw_hessian.jdk import READERS
from rpcfw_hessian.objects import JavaObject
from rpcfw_hessian.throwables import is_throwable, read_throwable
from rpcfw_hessian.untyped import read_any

__all__ = ["Definitions", "Known", "read_head"]

#: Definitions of one class that are remembered, and bytes of each. In practice a class has one,
#: of some hundred bytes.
_MAX_SEEN = 8
_MAX_SEEN_BYTES = 4096


class Known(Protocol):
    """
    Reads instances of a class that the program has.
    """

    @property
    def cls(self) -> type: ...

    def plan(self, names: tuple[str, ...]) -> Callable[[Decoder], Any]:
        """
        Return what reads instances whose fields come in this order.
        """

    def is_lasting(self, names: tuple[str, ...]) -> bool:
        """
        Tell whether the plan for this order stays the same. Otherwise it is asked for again.
        """


def read_head(d: Decoder) -> tuple[str, tuple[str, ...]]:
    """
    Read a class definition: the name of the class and those of its fields.
    """
    java_class = d.string()
    names = tuple([d.string() for _ in range(d.count(d.integer()))])
    if len(set(names)) < len(names):
        raise HessianError(
            f"expected different names of fields of {shown(java_class)}, got one twice"
        )
    return java_class, names


class Definitions:
    """
    Reads the definitions of messages.

    Args:
        known: what reads instances of classes that the program has, by their Java classes.
    """

    def __init__(self, known: Mapping[str, Known]) -> None:
        self._known = known
        #: By the encoded name of a class: its encoded definitions, and what they are.
        self._seen: dict[bytes, list[tuple[bytes, Definition]]] = {}

    def read(self, d: Decoder) -> Definition:
        """
        Read a definition whose tag was read.
        """
        data, start = d.data, d.pos
        size = data[start]
        # A name of up to 31 characters, or of more. In other forms the end is far behind it.
        end = start + 1 + size if size < 32 else start + 2 + ((size - 48) << 8) + data[start + 1]
        name = data[start:end]
        for encoded, definition in self._seen.get(name, ()):
            if data.startswith(encoded, start):
                d.pos = start + len(encoded)
                return definition
        java_class, fields = read_head(d)
        known = self._known.get(java_class)
        if known is None:
            d.limits.check_class(java_class)
            definition = _unknown(java_class, fields)
        else:
            definition = Definition(java_class, fields, known.plan(fields), known.cls, known)
        is_usual = end <= d.pos <= start + _MAX_SEEN_BYTES
        lasts = java_class in READERS if known is None else known.is_lasting(fields)
        if is_usual and lasts:
            # Another list, since another thread may be looking through this one. The oldest goes:
            # a peer that sends many keeps none of the others away.
            seen = self._seen.get(name, [])[1 - _MAX_SEEN :]
            self._seen[name] = [*seen, (data[start : d.pos], definition)]
        return definition


def _unknown(java_class: str, names: tuple[str, ...]) -> Definition:
    """
    Return the definition of a class for which the program has none.
    """
    convert = READERS.get(java_class)
    if convert is not None:
        return Definition(java_class, names, _converted(java_class, names, convert), object)
    if is_throwable(java_class, names):
        read = read_throwable(java_class, names)
        return Definition(java_class, names, read, BaseException)
    return Definition(java_class, names, _generic(java_class, names))


def _converted(
    java_class: str, names: tuple[str, ...], convert: Callable[[Any], Any]
) -> Callable[[Decoder], Any]:
    def read(d: Decoder) -> Any:
        index = len(d.refs)
        d.begin(INCOMPLETE)
        fields = {name: read_any(d) for name in names}
        d.depth -= 1
        try:
            d.refs[index] = value = convert(fields)
        except HessianError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise HessianError(
                f"expected the fields of {java_class}, got others: {error}"
            ) from error
        return value

    return read


def _generic(java_class: str, names: tuple[str, ...]) -> Callable[[Decoder], JavaObject]:
    def read(d: Decoder) -> JavaObject:
        made = JavaObject(java_class)
        d.begin(made)
        fields = made.fields
        for name in names:
            fields[name] = read_any(d)
        d.depth -= 1
        return made

    return read
