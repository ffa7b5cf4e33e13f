"""
Long lists, a page at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar
from urllib.parse import urlencode

from attrs import frozen

from rpcfw.console.routes import Visit

__all__ = ["Paged", "paged"]

T = TypeVar("T")


@frozen
class Paged(Generic[T]):
    """
    One page of a list.

    Args:
        number: of the page, from 1.
        pages: how many there are.
        total: how long the whole list is.
        before: where the page before is; empty if there is none.
        after: likewise.
    """

    items: Sequence[T]
    number: int
    pages: int
    total: int
    before: str
    after: str


def paged(visit: Visit, items: Sequence[T], size: int) -> Paged[T]:
    """
    Return the page that ``page=N`` in the query asks for; the nearest one that there is.
    """
    pages = max(1, -(-len(items) // size))
    text = visit.request.query.get("page", "1")
    asked = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 1
    number = min(max(asked, 1), pages)
    shown = items[(number - 1) * size : number * size]

    def link(to: int) -> str:
        query = {**visit.request.query, "page": str(to)}
        return f"{visit.request.path}?{urlencode(query)}" if 1 <= to <= pages else ""

    return Paged(shown, number, pages, len(items), link(number - 1), link(number + 1))
