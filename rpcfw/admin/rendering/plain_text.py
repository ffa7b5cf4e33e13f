"""
The content of a page as plain text, for a shell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rpcfw.admin.rendering.cells import cell_text, title_of
from rpcfw.printable import printable_lines
from rpcfw.spi.page_content import Facts, PageContent, Section, Table

__all__ = ["as_text"]

#: A wider column does not make the others move to the right.
_MAX_WIDTH = 60


def as_text(content: PageContent) -> bytes:
    """
    Return a page as lines of text.
    """
    sections = ["\n".join(_section(each)) for each in content.sections]
    return ("\n\n".join(sections) + "\n").encode(errors="backslashreplace")


def _section(section: Section) -> Iterator[str]:
    if isinstance(section, Facts):
        width = max(map(len, section.values), default=0)
        for name, value in section.values.items():
            yield f"{name:<{width}}  {cell_text(value)}".rstrip()
    elif isinstance(section, Table):
        yield f"{title_of(section.name)}:"
        yield from _rows([section.columns, *([*map(cell_text, row)] for row in section.rows)])
        if section.left_out:
            yield f"... and {section.left_out} more"
    else:
        yield printable_lines(section.text)


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [min(_MAX_WIDTH, max(map(len, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()
