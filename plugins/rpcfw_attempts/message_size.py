"""
About how much memory a message takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["message_size"]

#: Of an object, beside what it refers to.
_OBJECT = 64


def message_size(message: Any, limit: int) -> int:
    """
    Return about how many bytes a message takes; more than ``limit`` is not counted exactly.
    """
    size = 0
    seen: set[int] = set()
    waiting = [message]
    while waiting and size <= limit:
        value = waiting.pop()
        size += _OBJECT
        if isinstance(value, (bytes, bytearray, str)):
            size += len(value)
        elif hasattr(value, "ByteSize"):  # of protobuf
            size += value.ByteSize()
        elif id(value) not in seen:
            seen.add(id(value))
            waiting.extend(_parts(value))
    return size


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return [part for pair in value.items() for part in pair]
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    names = {
        *getattr(value, "__struct_fields__", ()),  # of msgspec
        *getattr(value, "__slots__", ()),
        *getattr(value, "__dict__", ()),
    }
    return [getattr(value, name, None) for name in names]
