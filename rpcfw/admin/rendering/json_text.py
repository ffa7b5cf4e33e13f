"""
The content of a page as JSON: one object, with a key for each section.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rpcfw.admin.rendering.cells import MAX_CELL_CHARS
from rpcfw.spi.page_content import Cell, Facts, Link, PageContent, Section, Table

__all__ = ["as_json", "plain"]


def as_json(content: PageContent) -> bytes:
    """
    Return the JSON of a page. Numbers stay numbers, and None is null.
    """
    return msgspec.json.format(msgspec.json.encode(plain(content)), indent=2) + b"\n"


def plain(content: PageContent) -> dict[str, Any]:
    """
    Return the same as plain values.
    """
    return {section.name: _section(section) for section in content.sections}


def _section(section: Section) -> Any:
    if isinstance(section, Facts):
        return {name: _cell(value) for name, value in section.values.items()}
    if isinstance(section, Table):
        return [
            {name: _cell(value) for name, value in zip(section.columns, row, strict=True)}
            for row in section.rows
        ]
    return section.text


def _cell(cell: Cell) -> Any:
    if isinstance(cell, Link):
        cell = cell.text
    if isinstance(cell, str):
        # A lone surrogate, as of a file name, has no UTF-8.
        return cell[:MAX_CELL_CHARS].encode(errors="backslashreplace").decode()
    return cell
