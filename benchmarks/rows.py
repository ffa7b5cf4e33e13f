"""
Results: the middle of several measurements, as rows of a table and as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import Any

__all__ = ["Row", "call_row", "stream_row", "table", "with_ratios"]

#: One line of results: the names are those in the JSON.
Row = dict[str, Any]


def call_row(server: str, client: str, in_flight: int, found: Sequence[dict[str, Any]]) -> Row:
    """
    Return the row for one number of calls in flight.
    """
    return {
        "server": server,
        "client": client,
        "in_flight": in_flight,
        "calls_per_s": round(median(one["count"] / one["took_s"] for one in found), 1),
        "p50_us": round(median(one["p50_us"] for one in found), 1),
        "p99_us": round(median(one["p99_us"] for one in found), 1),
        "server_us_per_call": round(median(one["server_us"] for one in found), 2),
        "client_us_per_call": round(median(one["client_us"] for one in found), 2),
    }


def stream_row(server: str, client: str, found: Sequence[dict[str, Any]]) -> Row:
    """
    Return the row for a stream of messages.
    """
    return {
        "server": server,
        "client": client,
        "messages_per_s": round(median(one["count"] / one["took_s"] for one in found), 1),
        "server_us_per_message": round(median(one["server_us"] for one in found), 2),
        "client_us_per_message": round(median(one["client_us"] for one in found), 2),
    }


def with_ratios(rows: Sequence[Row], ratios: Sequence[tuple[str, str]]) -> list[Row]:
    """
    Return the rows with a column more for each ratio: a figure, and a server to set it against.

    A row is set against that server's row with as many calls in flight: the one with
    the same client if there is one, else the one with that server's own.
    """
    return [{**row, **dict(_ratios(row, rows, ratios))} for row in rows]


def _ratios(
    row: Row, rows: Sequence[Row], ratios: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, float | str]]:
    for figure, against in ratios:
        others = [one for one in rows if (one["server"], _load(one)) == (against, _load(row))]
        same = [one for one in others if one.get("client") == row.get("client")]
        other = next(iter(same or others), None)
        short = figure.removesuffix("_per_s").removesuffix("_per_call")
        yield f"{short} × {against}", round(row[figure] / other[figure], 2) if other else "-"


def _load(row: Row) -> int | None:
    in_flight: int | None = row.get("in_flight")
    return in_flight


def table(rows: Sequence[Row]) -> str:
    """
    Return rows as text, numbers to the right. Rows with other names begin another table.
    """
    if not rows:
        return "nothing was measured"
    return "\n\n".join(_table(list(same)) for _, same in groupby(rows, tuple))


def _table(rows: Sequence[Row]) -> str:
    names = list(rows[0])
    cells = [[_shown(row[name]) for name in names] for row in rows]
    widths = [max(len(line[i]) for line in (names, *cells)) for i in range(len(names))]
    left = [isinstance(rows[0][name], str) for name in names]

    def line(texts: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if is_left else text.rjust(width)
            for text, width, is_left in zip(texts, widths, left, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), line(["-" * width for width in widths]), *map(line, cells)])


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
