"""
What annotations say of the parts of a value: which numbers are longs in Java.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from rpcfw_hessian.annotations import said_type

__all__ = ["field_hints", "is_long", "item_hints"]

_LONG = ("long", "java.lang.Long")


def is_long(hint: Any) -> bool:
    """
    Tell whether a number is a Java long by its annotation.
    """
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if get_origin(hint) is Annotated:
        metas = (each for each in hint.__metadata__ if isinstance(each, msgspec.Meta))
        said = list(filter(None, (said_type(each.extra) for each in metas)))
        # Without a Java type of its own, it has the one of what it is about.
        return any(each in _LONG for each in said) if said else is_long(get_args(hint)[0])
    return get_origin(hint) in (Union, UnionType) and any(map(is_long, get_args(hint)))


def item_hints(hint: Any, items: Any) -> Sequence[Any]:
    """
    Return the annotations of the items of a collection, by its own; of a dict, of both parts.
    """
    count = 2 if isinstance(items, dict) else len(items)
    for member in _members(hint):
        cls, given = get_origin(member), get_args(member)
        if isinstance(cls, type) and isinstance(items, cls) and given:
            by_place = cls is tuple and given[-1] is not Ellipsis
            if (by_place or isinstance(items, dict)) and len(given) == count:
                return given
            return [given[0]] * count
    return [Any] * count


def field_hints(cls: type, hint: Any) -> Mapping[str, Any]:
    """
    Return the annotations of an instance's fields; none if they cannot be resolved.

    Args:
        hint: of the instance. It may have the parameters of a generic class.
    """
    found = _declared(cls)
    for member in _members(hint):
        if get_origin(member) is cls:
            names: tuple[Any, ...] = getattr(cls, "__parameters__", ())
            given = dict(zip(names, get_args(member), strict=False))
            return {name: _with_parameters(each, given) for name, each in found.items()}
    return found


@lru_cache(maxsize=1024)
def _declared(cls: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError:
        return {}


def _with_parameters(hint: Any, given: Mapping[Any, Any]) -> Any:
    """
    Return an annotation in which types stand for the parameters of a class.
    """
    if isinstance(hint, TypeVar):
        return given.get(hint, Any)
    names: tuple[Any, ...] = getattr(hint, "__parameters__", ())
    return hint[tuple(given.get(name, Any) for name in names)] if names else hint


def _members(hint: Any) -> Sequence[Any]:
    """
    Return the annotations that a value may have, without further facts: of a union, each.
    """
    while isinstance(hint, NewType) or get_origin(hint) is Annotated:
        hint = hint.__supertype__ if isinstance(hint, NewType) else get_args(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        return [one for each in get_args(hint) for one in _members(each)]
    return (hint,)
