"""
A dict of which callers choose the keys, and which therefore has a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["make_place"]

K = TypeVar("K")
V = TypeVar("V")

#: So many of the oldest entries are looked at for one that may be forgotten.
_MAX_LOOKED_AT = 8


def make_place(entries: dict[K, V], max_entries: int, may_go: Callable[[V], bool]) -> bool:
    """
    Have a place for one more entry; forget an old one if there is none.

    Those that may not be forgotten are looked at again later.

    Args:
        entries: the oldest first.
        max_entries: how many there may be, at least 1.
        may_go: tells of a value whether it may be forgotten.

    Returns:
        False if none of the oldest may be forgotten.
    """
    if len(entries) < max_entries:
        return True
    for _ in range(min(_MAX_LOOKED_AT, len(entries))):
        key = next(iter(entries))
        value = entries.pop(key)
        if not may_go(value):
            entries[key] = value
        elif len(entries) < max_entries:
            return True
    return False
