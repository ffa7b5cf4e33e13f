"""
Rows of words as columns for a person.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.printable import printable

__all__ = ["table"]


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """
    Return lines of columns; an empty column is left out, a short row ends early.

    Rows may contain text of others; it is printed so that it stays in its place.
    """
    rows = [[printable(word) for word in row] for row in rows]
    filled = [
        index
        for index in range(len(titles))
        if any(len(row) > index and row[index] for row in rows)
    ]
    lines = [[titles[index] for index in filled]]
    lines += [[row[index] if len(row) > index else "" for index in filled] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(filled))]
    return "".join(
        "  ".join(f"{word:{width}}" for word, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )
