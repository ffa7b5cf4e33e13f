"""
Values inside the request of a call, by their path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rpcfw.values.call import Call

__all__ = ["Arguments", "argument_of", "parse_path", "with_argument"]

#: Of names in a path; deeper than any message that a person reads.
_MAX_NAMES = 16
_PATH = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+|\[[0-9]{1,6}\])*\Z")

_NAMES_OF_LISTS = (list, tuple)


class Arguments(msgspec.Struct):
    """
    Base of the messages whose fields are the parameters of a method in plain Python.
    """


def parse_path(text: str) -> tuple[str, ...]:
    """
    Read a path such as ``order.customer.id`` or ``0.lines[2].id``.

    The first name is a parameter of the method, or its number, or a field of its message.

    Raises:
        ValueError: it is no path.
    """
    path = text.strip()
    if not _PATH.match(path):
        raise ValueError(
            f"{text!r} is no path into the arguments of a call; write names with dots, as order.id"
        )
    names = tuple(path.replace("[", ".").replace("]", "").split("."))
    if len(names) > _MAX_NAMES:
        raise ValueError(f"the path {text!r} has more than {_MAX_NAMES} names")
    return names


def argument_of(call: Call, path: tuple[str, ...]) -> str | None:
    """
    Return the value at a path of the request, as text; None if there is none.

    Text is as it is, numbers are in decimal, and truths are ``true`` and ``false``. Other
    values, such as lists, are none. So is every value of a call whose client streams.
    """
    value = call.request
    if path[0].isdecimal() and not isinstance(value, (Arguments, *_NAMES_OF_LISTS)):
        # The one parameter is the message itself.
        path = path[1:] if int(path[0]) == 0 else ("",)
    for name in path:
        value = _field(value, name)
    return _text(value)


def with_argument(request: Any, path: tuple[str, ...], text: str) -> Any:
    """
    Return a request as JSON has it, with a text at a path. `argument_of` finds it there.

    Args:
        request: what is in it otherwise; it stays as it is.
    """
    names = path[1:] if path[0] == "0" else path
    if not names:
        return text
    inner = request.get(names[0]) if isinstance(request, Mapping) else None
    changed = with_argument(inner, ("0", *names[1:]), text)
    return {**(request if isinstance(request, Mapping) else {}), names[0]: changed}


def _field(value: Any, name: str) -> Any:
    if isinstance(value, msgspec.Struct) and name in value.__struct_fields__:
        return getattr(value, name)  # first, since it is the most frequent and the fastest
    if isinstance(value, Mapping):
        return value.get(name)
    if name.isdecimal():
        if isinstance(value, Arguments):
            value = msgspec.structs.astuple(value)
        is_list = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        return value[int(name)] if is_list and int(name) < len(value) else None
    # Neither attributes of numbers and texts are fields, nor names with an underscore in front.
    if isinstance(value, (str, bytes, int, float)) or name.startswith("_") or not name:
        return None
    return getattr(value, name, None)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return None
