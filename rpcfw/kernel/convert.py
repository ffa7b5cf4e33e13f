"""
Text of the INI to the values that options are declared with.

`expected` says of each type how it is written, for messages and for the example.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from enum import Enum
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from rpcfw.errors import ContractError
from rpcfw.kernel.nearest import nearest
from rpcfw.spi.options import Declared
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import parse_listen_at
from rpcfw.values.units import (
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
    parse_time_limit,
)

__all__ = ["converted", "expected", "why_refused"]

_TRUTHS = {"yes": True, "true": True, "on": True, "1": True}
_TRUTHS |= {"no": False, "false": False, "off": False, "0": False}


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise ValueError(f"{text!r} is not a number")
    return number


def _truth(text: str) -> bool:
    truth = _TRUTHS.get(text.lower())
    if truth is None:
        raise ValueError(f"{text!r} is neither yes nor no")
    return truth


_ADDRESS = "an address: tcp:HOST:PORT, unix:/PATH or memory:NAME"

#: What reads a type, and how it is written.
_PLAIN: dict[Any, tuple[Callable[[str], Any], str]] = {
    str: (str, "text"),
    int: (_whole_number, "a whole number"),
    float: (_number, "a number"),
    bool: (_truth, "yes or no"),
    Address: (Address.parse, _ADDRESS),
}

#: The same for the marks of `rpcfw.values`.
_MARKED: dict[str, tuple[Callable[[str], Any], str]] = {
    "duration": (parse_duration, "a duration, such as 250ms"),
    "time limit": (parse_time_limit, "a duration, such as 250ms, or none"),
    "size": (parse_size, "a size, such as 4MiB"),
    "rate": (parse_rate, "a rate, as 30/s"),
    "share": (parse_share, "a share, such as 5%"),
    "listen": (parse_listen_at, f"{_ADDRESS}; or an open socket: fd:NUMBER or systemd:NAME"),
}


def converted(type: Any, text: str, folder: str = "") -> Any:
    """
    Return the value that ``text`` is for an option of ``type``.

    Beside the types that `rpcfw.spi.options` lists, a class with a ``parse(text)``
    of its own will do.

    Args:
        type: the annotation, resolved.
        text: as in the INI, without spaces at its ends.
        folder: what a relative path starts from.

    Raises:
        ValueError: the text is no such thing; says what was expected.
        ContractError: no text gives such a type.
    """
    inner = _inner_of_optional(type)
    if inner is not None:
        return converted(inner, text, folder) if text else None
    item = _item_of_tuple(type)
    if item is not None:
        return tuple(converted(item, each, folder) for each in _items(text))
    if type is Path:
        if not text:
            raise ValueError("a path was expected, got nothing")
        return Path(folder, text)
    choices = _choices(type)
    if choices is not None:
        return _chosen(choices, text)
    read, _ = _simple(type)
    return read(text)


def expected(type: Any) -> str:
    """
    Return how a value of ``type`` is written, as a phrase.

    Raises:
        ContractError: no text gives such a type.
    """
    inner = _inner_of_optional(type)
    if inner is not None:
        return f"{expected(inner)}; or nothing"
    item = _item_of_tuple(type)
    if item is not None:
        return f"any number, separated by commas or new lines, of: {expected(item)}"
    if type is Path:
        return "a path; a relative one starts at the folder of this file"
    choices = _choices(type)
    if choices is not None:
        return f"one of {', '.join(choices)}"
    return _simple(type)[1]


def _simple(type: Any) -> tuple[Callable[[str], Any], str]:
    if typing.get_origin(type) is Annotated:
        value, *marks = typing.get_args(type)
        for mark in marks:
            if mark in _MARKED:
                return _MARKED[mark]
        return _simple(value)
    if type in _PLAIN:
        return _PLAIN[type]
    parse = getattr(type, "parse", None)
    if parse is None:
        raise ContractError(
            f"no text of an INI file gives {type!r}; rpcfw.spi.options lists what an option can be"
        )
    return parse, getattr(type, "written_as", "text")


def _items(text: str) -> list[str]:
    parts = (part.strip() for part in text.replace("\n", ",").split(","))
    return [part for part in parts if part]


def _choices(type: Any) -> dict[str, Any] | None:
    """
    Return the texts of a closed choice with their values, or None for other types.
    """
    if typing.get_origin(type) is Literal:
        return {str(value): value for value in typing.get_args(type)}
    if isinstance(type, types.GenericAlias) or not isinstance(type, _CLASS):
        return None
    if not issubclass(type, Enum):
        return None
    return {str(each.value if isinstance(each.value, str) else each.name): each for each in type}


def _chosen(choices: dict[str, Any], text: str) -> Any:
    if text in choices:
        return choices[text]
    folded = {each.casefold(): value for each, value in choices.items()}
    if text.casefold() not in folded:
        near = nearest(text, choices)
        question = f"; did you mean {near!r}?" if near else ""
        raise ValueError(f"{text!r} is none of {', '.join(choices)}{question}")
    return folded[text.casefold()]


def why_refused(option: Declared, error: ValueError) -> str:
    """
    Return why the text of an option could not be converted.

    Parsers quote the text that they cannot read, so a secret gets no such quote.
    """
    if option.secret:
        return f"cannot be read; expected {expected(option.type)}"
    return str(error)


def _inner_of_optional(type: Any) -> Any:
    """
    Return X of ``X | None``, or None for other types.
    """
    if typing.get_origin(type) not in (Union, types.UnionType):
        return None
    rest = [each for each in typing.get_args(type) if each is not _NOTHING]
    return rest[0] if len(rest) == 1 else None


def _item_of_tuple(type: Any) -> Any:
    """
    Return X of ``tuple[X, ...]``, or None for other types.
    """
    arguments = typing.get_args(type)
    if typing.get_origin(type) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return arguments[0]
    return None


#: ``type`` is the parameter's name above; these are what it hides.
_CLASS = type
_NOTHING = type(None)
