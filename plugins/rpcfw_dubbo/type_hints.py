"""
What annotations say of the parts of a value: which numbers are longs in Java.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from rpcfw_hessian.annotations import said_type

__all__ = ["field_hints", "is_long", "item_hints"]

_LONG = ("long", "java.lang.Long")


def is_long(hint: Any) -> bool:
    """
    Tell whether a number is a Java long by its annotation.
    """
    hint = _present(hint)
    if get_origin(hint) is not Annotated:
        return False
    return any(
        isinstance(each, msgspec.Meta) and said_type(each.extra) in _LONG
        for each in hint.__metadata__
    )


def item_hints(hint: Any, count: int) -> Sequence[Any]:
    """
    Return the annotations of so many items, by that of their collection; of a dict, of both parts.
    """
    hint = _present(hint)
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    given = get_args(hint)
    if len(given) == count:
        return given
    return [given[0] if given else Any] * count


@lru_cache(maxsize=1024)
def field_hints(cls: type) -> Mapping[str, Any]:
    """
    Return the annotations of a class by field; none if they cannot be resolved.
    """
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError:
        return {}


def _present(hint: Any) -> Any:
    """
    Return the annotation of a value that is not null.
    """
    if get_origin(hint) not in (Union, UnionType):
        return hint
    others = [each for each in get_args(hint) if each is not type(None)]
    return others[0] if len(others) == 1 else Any
