"""
What a page shows, as data: the admin server makes HTML, JSON or plain text of it.

A page writes no markup and escapes nothing. So a text of a peer, as the name of an application,
cannot leave its place, and each page has all formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

__all__ = ["Cell", "Facts", "Link", "PageContent", "Section", "Table", "TextBlock"]


@frozen
class Link:
    """
    A text that leads to another page of the same process. JSON has the text alone.

    Args:
        text: what is read.
        target: path and query, as ``/connections``.
    """

    text: str
    target: str


#: One value. A number has its unit in the name of its column or fact, as ``age_s``.
Cell = str | int | float | bool | None | Link


@frozen(eq=False)
class Facts:
    """
    Names with a value each. JSON has them as an object.

    Args:
        name: the key in JSON, and the heading: snake_case.
        values: the names are snake_case, too.
    """

    name: str
    values: Mapping[str, Cell]


@frozen(eq=False)
class Table:
    """
    Rows under columns. JSON has them as a list of objects.

    Args:
        name: the key in JSON, and the heading: snake_case.
        columns: the names are snake_case, too.
        rows: each has a value for each column. A page bounds their number.
        left_out: how many more rows there are.
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    left_out: int = 0


@frozen(eq=False)
class TextBlock:
    """
    Lines of text, shown as they are. JSON has them as one text.

    Args:
        name: the key in JSON, and the heading: snake_case.
        text: its lines.
    """

    name: str
    text: str


Section = Facts | Table | TextBlock


@frozen(eq=False)
class PageContent:
    """
    A page as data.

    Args:
        sections: from the top to the bottom; JSON has one object with a key for each.
        status: of the HTTP response.
        links: to other pages, below everything. Not in JSON.
    """

    sections: Sequence[Section]
    status: int = 200
    links: Sequence[Link] = field(default=())
