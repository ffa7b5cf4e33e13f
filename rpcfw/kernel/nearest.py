"""
What to say of a name that nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["suggestion"]


def suggestion(name: str, known: Iterable[str]) -> str:
    """
    Return the nearest known name as a question, if one is near, and all known ones.
    """
    names = sorted(set(known))
    if not names:
        return "none is known here"
    listed = "known: " + ", ".join(names)
    by_folded = {each.casefold(): each for each in names}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    return f"did you mean {by_folded[near[0]]!r}? {listed}" if near else listed
