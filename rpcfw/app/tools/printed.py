"""
Responses as lines of JSON.

What a wire brings may refer to itself, as Java's objects do, or share its parts so often that
it is endless when it is written out. Neither can be a line of text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from rpcfw.errors import InvalidMessage
from rpcfw.printable import printable_json

__all__ = ["as_line"]

#: Times that a list, a map or an object stands in a response again. JSON itself shares nothing.
_MAX_REPEATED = 100_000


def as_line(response: Any) -> str:
    """
    Return a response as JSON without unsafe characters.

    Raises:
        InvalidMessage: it cannot be written out.
    """
    _check_finite(response)
    try:
        text = msgspec.json.encode(response, enc_hook=_plain).decode()
    except (RecursionError, TypeError, ValueError) as error:
        raise InvalidMessage(f"the response cannot be shown as JSON: {error}") from error
    return printable_json(text)


def _plain(value: Any) -> Any:
    """
    Return the fields of an object whose class is not known here; of anything else its text.
    """
    fields = None if isinstance(value, BaseException) else getattr(value, "fields", None)
    return dict(fields) if isinstance(fields, Mapping) else str(value)


def _check_finite(response: Any) -> None:
    """
    Raise if too much of a response is there again and again.
    """
    seen: set[int] = set()
    repeated = 0
    waiting: list[Any] = [response]
    while waiting:
        value = waiting.pop()
        inner = _inner(value)
        if not inner:
            continue
        repeated += id(value) in seen
        if repeated > _MAX_REPEATED:
            raise InvalidMessage(
                "the response refers to itself, or repeats its parts too often, so it cannot be "
                "shown as JSON"
            )
        seen.add(id(value))
        waiting += inner


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if not isinstance(value, Mapping):
        value = getattr(value, "fields", None)
    return value.values() if isinstance(value, Mapping) else ()
