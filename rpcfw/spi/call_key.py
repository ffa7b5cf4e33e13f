"""
Which value of a call keeps calls together: those with the same one are treated alike.

In the INI it is ``argument order.id``, ``metadata user-id`` or ``caller``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rpcfw.values.arguments import argument_of, parse_path, with_argument
from rpcfw.values.call import Call

__all__ = ["CallKey"]


class CallKey:
    """
    An option that names a value of a call.

    Args:
        text: as in the INI.
        read: returns the value of a call, None if it has none.
    """

    written_as = "argument PATH, metadata NAME, or caller"

    def __init__(self, text: str, read: Callable[[Call], str | None] | None) -> None:
        self.text = text
        self._read = read

    @classmethod
    def parse(cls, text: str) -> CallKey:
        """
        Read the text form.

        Raises:
            ValueError: it is none; the message says what was expected.
        """
        words = text.split()
        kind, rest = words[0] if words else "", words[1:]
        if kind == "caller" and not rest:
            return cls("caller", None)
        if kind == "argument" and len(rest) == 1:
            path = parse_path(rest[0])
            return cls(f"argument {rest[0]}", lambda call: argument_of(call, path))
        if kind == "metadata" and len(rest) == 1:
            name = rest[0].lower()
            return cls(f"metadata {name}", lambda call: _metadata(call, name))
        raise ValueError(
            f"{text!r} names no value of a call; write {cls.written_as}, "
            "as argument id, or metadata user-id"
        )

    def reader(self, application: str) -> Callable[[Call], str | None]:
        """
        Return what reads the value of a call.

        Args:
            application: name of this application, the caller of its own calls.
        """
        if self._read is not None:
            return self._read
        return lambda call: call.caller or application or None

    def put(
        self, value: str, request: Any, metadata: Mapping[str, str]
    ) -> tuple[Any, Mapping[str, str]] | None:
        """
        Return a request, as JSON is read, and metadata that have this value as their key.

        Args:
            request: what is in it otherwise; so is ``metadata``.

        Returns:
            None: the key is in none of the two, or it is a parameter that JSON does not name.
        """
        kind, _, name = self.text.partition(" ")
        if kind == "metadata":
            return request, {**metadata, name: value}
        path = parse_path(name) if kind == "argument" else ("1",)
        if path[0].isdecimal() and path[0] != "0":
            return None
        return with_argument(request, path, value), metadata

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallKey) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"<CallKey {self.text}>"


def _metadata(call: Call, name: str) -> str | None:
    value = call.metadata.get(name)
    return value.hex() if isinstance(value, bytes) else value
