"""
How many columns of a terminal a text takes: names may be in any language.

The widths are those of Unicode Standard Annex #11. Characters of ambiguous width take one column,
as terminals have them outside of East Asia.
"""

from __future__ import annotations

from unicodedata import category, east_asian_width

__all__ = ["columns_of", "cut", "padded"]

#: Marks that stand on the character before.
_NO_WIDTH = ("Mn", "Me")
_WIDE = ("W", "F")


def columns_of(text: str) -> int:
    """
    Return how many columns a text takes.
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """
    Return a text with spaces behind it, or before it, so that it takes so many columns.
    """
    spaces = " " * (columns - columns_of(text))
    return spaces + text if right else text + spaces


def cut(text: str, columns: int) -> str:
    """
    Return as much of a text as fits.
    """
    if text.isascii():
        return text[:columns]
    for at, character in enumerate(text):
        columns -= _columns(character)
        if columns < 0:
            return text[:at]
    return text


def _columns(character: str) -> int:
    if character.isascii():
        return 1
    if category(character) in _NO_WIDTH:
        return 0
    return 2 if east_asian_width(character) in _WIDE else 1
