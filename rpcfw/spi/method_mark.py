"""
What the decorators `rpcfw.spi.service.method` and `blocking` note on a function.
"""

from __future__ import annotations

import inspect
from functools import cached_property, partialmethod
from typing import Any

from attrs import define

from rpcfw.errors import ContractError
from rpcfw.values.method import Shape

__all__ = ["Mark", "find_mark", "mark_of", "note_owner", "wrapped_function"]


@define
class Mark:
    """
    What the decorators say of one function.
    """

    exported: bool = False
    blocking: bool = False
    name: str | None = None
    idempotent: bool = False
    one_way: bool = False
    timeout_s: float | None = None
    shape: Shape | None = None
    request_type: Any = None
    response_type: Any = None
    codec: str = "json"
    codecs: tuple[str, ...] = ()
    #: The class with a name that the function was written in, and its name there.
    owner: tuple[type, str] | None = None


def mark_of(function: Any) -> Mark:
    """
    Return the mark of a function that is being decorated, a new one the first time.

    Raises:
        ContractError: what is decorated is no function.
    """
    if not hasattr(function, "__dict__"):
        raise ContractError(
            f"a {type(function).__name__} cannot be called from outside; "
            "mark a method of the instance, with self"
        )
    mark: Mark | None = function.__dict__.get("__rpcfw__")
    if mark is None:
        mark = function.__rpcfw__ = Mark()
    return mark


def find_mark(attribute: Any) -> Mark | None:
    """
    Return the mark of a class attribute, also if a further decorator wraps the function.
    """
    for candidate in (attribute, wrapped_function(attribute)):
        mark: Mark | None = getattr(candidate, "__dict__", {}).get("__rpcfw__")
        if mark is not None:
            return mark
    return None


def wrapped_function(attribute: Any) -> Any:
    """
    Return the function in what is no method of an instance; None for a method.
    """
    if isinstance(attribute, (staticmethod, classmethod)):
        return attribute.__func__
    if isinstance(attribute, property):
        return attribute.fget
    return attribute.func if isinstance(attribute, (cached_property, partialmethod)) else None


def note_owner(cls: type) -> None:
    """
    Note on the marked functions of a class that they were written in it.
    """
    for attribute, value in vars(cls).items():
        mark = vars(value).get("__rpcfw__") if inspect.isfunction(value) else None
        if mark is not None and mark.owner is None:
            mark.owner = (cls, attribute)
