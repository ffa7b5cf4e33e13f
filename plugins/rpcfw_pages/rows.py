"""
Tables of bounded length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from rpcfw.spi.page_content import Cell, Table

__all__ = ["MAX_ROWS", "table"]

#: A page with more rows would take the time of calls, and nobody would read it.
MAX_ROWS = 1_000


def table(
    name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    count: int,
    max_rows: int = MAX_ROWS,
) -> Table:
    """
    Return a table of the first rows.

    Args:
        rows: only those that are shown are made.
        count: how many there are.
    """
    shown = tuple(islice(rows, max_rows))
    return Table(name, columns, shown, max(0, count - len(shown)))
