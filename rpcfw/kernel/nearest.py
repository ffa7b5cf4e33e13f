"""
What to say of a name that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["nearest", "suggestion"]


def suggestion(name: str, known: Iterable[str]) -> str:
    """
    Return the nearest known name as a question, if one is near, and all known ones.
    """
    names = sorted(set(known))
    if not names:
        return "none is known here"
    listed = "known: " + ", ".join(names)
    near = nearest(name, names)
    return f"did you mean {near!r}? {listed}" if near else listed


def nearest(name: str, known: Iterable[str]) -> str:
    """
    Return the known name that is nearest to one that nobody knows; empty if none is near.
    """
    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else ""
