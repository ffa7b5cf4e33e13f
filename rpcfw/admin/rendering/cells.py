"""
Values and names as people read them.
"""

from __future__ import annotations

from rpcfw.printable import printable
from rpcfw.spi.page_content import Cell, Link

__all__ = ["MAX_CELL_CHARS", "cell_text", "title_of"]

#: A text of a peer may be of any length. The whole of it is in no format.
MAX_CELL_CHARS = 2_000


def cell_text(cell: Cell) -> str:
    """
    Return a value as text, in one line.
    """
    if isinstance(cell, Link):
        cell = cell.text
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.6g}"
    text = printable(str(cell)[: MAX_CELL_CHARS + 1])
    return text if len(text) <= MAX_CELL_CHARS else f"{text[:MAX_CELL_CHARS]}..."


def title_of(name: str) -> str:
    """
    Return a name in snake_case as a heading.
    """
    return name.replace("_", " ")
