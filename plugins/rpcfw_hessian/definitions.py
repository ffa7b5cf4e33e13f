"""
Reads class definitions and decides what reads their instances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw_hessian.decoder import INCOMPLETE, Decoder, Definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.jdk import READERS
from rpcfw_hessian.objects import JavaObject
from rpcfw_hessian.throwables import MESSAGE, read_throwable
from rpcfw_hessian.untyped import read_any

__all__ = ["read_head", "unknown"]


def read_head(d: Decoder) -> tuple[str, tuple[str, ...]]:
    """
    Read a class definition: the name of the class and those of its fields.
    """
    java_class = d.string()
    d.limits.check_class(java_class)
    names = tuple([d.string() for _ in range(d.count(d.integer()))])
    if len(set(names)) < len(names):
        raise HessianError(f"expected different names of fields of {java_class}, got one twice")
    return java_class, names


def unknown(java_class: str, names: tuple[str, ...]) -> Definition:
    """
    Return the definition of a class for which the program has none.
    """
    convert = READERS.get(java_class)
    if convert is not None:
        return Definition(java_class, names, _converted(java_class, names, convert), object)
    if MESSAGE in names:
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
