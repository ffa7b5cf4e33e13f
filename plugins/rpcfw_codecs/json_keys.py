"""
Whether a reader of JSON can tell the keys of a dict apart.

All keys of JSON are strings. Where the annotation allows text and numbers, as
``dict[int | str, float]`` does, a reader cannot know whether "1" was one or the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import inspect

from rpcfw_codecs.json_nodes import bare

__all__ = ["check_keys"]


def check_keys(key: inspect.Type) -> None:
    """
    Check the type of a dict's keys.

    Raises:
        TypeError: a key could arrive as another.
    """
    if len(_is_number(key)) > 1:
        raise TypeError(
            "a dict has keys of text and of numbers, which a reader of JSON cannot tell apart; "
            "annotate one of them, as dict[str, ...]"
        )


def _is_number(key: inspect.Type) -> frozenset[bool]:
    """
    Return for each sort of key that may come whether it is a number.
    """
    key = bare(key)
    if isinstance(key, inspect.UnionType):
        return frozenset().union(*map(_is_number, key.types))
    if isinstance(key, inspect.LiteralType):
        return _are_numbers(key.values)
    if isinstance(key, inspect.EnumType):
        return _are_numbers(member.value for member in key.cls)
    if isinstance(key, inspect.NoneType):
        return frozenset()  # it is no key that JSON has
    return frozenset((isinstance(key, (inspect.IntType, inspect.FloatType)),))


def _are_numbers(values: Iterable[object]) -> frozenset[bool]:
    return frozenset(isinstance(value, int) for value in values)
