"""
Results: the middle of several measurements, as rows of a table and as JSON.

A column ``X_spread`` says how far the measurements of the column ``X`` lie apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median, quantiles
from typing import Any

__all__ = [
    "Row",
    "call_row",
    "cost_columns",
    "rate_columns",
    "spread",
    "stream_row",
    "table",
    "with_ratios",
    "with_spread",
]

#: One line of results: the names are those in the JSON.
Row = dict[str, Any]

#: Rows are set against each other where these are the same.
_LIKE = ("in_flight", "bytes", "tls")
_SPREAD = "_spread"


def spread(values: Sequence[float]) -> float | None:
    """
    Return half the distance between the quartiles, as a part of the median.

    So half of the measurements lie about that far from the median at most. None: there is but
    one measurement, or the median is zero.
    """
    middle = median(values)
    if len(values) < 2 or not middle:
        return None
    first, _, third = quantiles(values, n=4, method="inclusive")
    return round((third - first) / 2 / middle, 4)


def with_spread(name: str, values: Sequence[float], digits: int | None) -> Row:
    """
    Return the median of a figure, with so many digits, and its spread.
    """
    return {name: round(median(values), digits), name + _SPREAD: spread(values)}


def rate_columns(found: Sequence[Mapping[str, Any]], what: str = "calls") -> Row:
    """
    Return how many there were in a second.
    """
    return with_spread(f"{what}_per_s", [one["count"] / one["took_s"] for one in found], 1)


def cost_columns(found: Sequence[Mapping[str, Any]], what: str = "call") -> Row:
    """
    Return the processor time of both sides for each: in all, in user mode, and in the kernel.
    """
    columns: Row = {}
    for side in ("server", "client"):
        total = [one[f"{side}_us"] for one in found]
        user = [one[f"{side}_user_us"] for one in found]
        columns.update(with_spread(f"{side}_us_per_{what}", total, 2))
        columns[f"{side}_user_us"] = round(median(user), 2)
        system = (both - own for both, own in zip(total, user, strict=True))
        columns[f"{side}_system_us"] = round(median(system), 2)
    return columns


def call_row(names: Mapping[str, Any], in_flight: int, found: Sequence[Mapping[str, Any]]) -> Row:
    """
    Return the row for one number of calls in flight.
    """
    return {
        **names,
        "in_flight": in_flight,
        **rate_columns(found),
        "p50_us": round(median(one["p50_us"] for one in found), 1),
        "p99_us": round(median(one["p99_us"] for one in found), 1),
        **cost_columns(found),
    }


def stream_row(names: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Row:
    """
    Return the row for a stream of messages.
    """
    return {**names, **rate_columns(found, "messages"), **cost_columns(found, "message")}


def with_ratios(rows: Sequence[Row], ratios: Sequence[tuple[str, str]]) -> list[Row]:
    """
    Return the rows with a column more for each ratio: a figure, and a server to set it against.

    A row is set against that server's row with as many calls in flight, as many bytes and
    TLS as it: the one with the same client if there is one, else the one with that server's own.
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
        # A short measurement may see no tick of a server's processor time.
        known = other is not None and other[figure]
        yield f"{short} × {against}", round(row[figure] / known, 2) if known else "-"


def _load(row: Row) -> list[Any]:
    return [row.get(name) for name in _LIKE]


def table(rows: Sequence[Row]) -> str:
    """
    Return rows as text, numbers to the right. Rows with other names begin another table.
    """
    if not rows:
        return "nothing was measured"
    return "\n\n".join(_table(list(same)) for _, same in groupby(rows, tuple))


def _table(rows: Sequence[Row]) -> str:
    shown = [dict(_cells(row)) for row in rows]
    names = list(shown[0])
    cells = [list(row.values()) for row in shown]
    widths = [max(len(line[i]) for line in (names, *cells)) for i in range(len(names))]
    left = [isinstance(rows[0].get(name), str) for name in names]

    def line(texts: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if is_left else text.rjust(width)
            for text, width, is_left in zip(texts, widths, left, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), line(["-" * width for width in widths]), *map(line, cells)])


def _cells(row: Row) -> Iterator[tuple[str, str]]:
    """
    Yield the columns of a row as text, some of which have two figures.

    The spread of a figure stands beside it, and time in the kernel beside that in user mode.
    """
    for name, value in row.items():
        if name.endswith((_SPREAD, "_system_us")):
            continue
        if name.endswith("_user_us"):
            side = name.removesuffix("_user_us")
            system = _shown(row[f"{side}_system_us"])
            yield f"{side}_user+system_us", f"{_shown(value)} + {system}"
        else:
            apart = row.get(name + _SPREAD)
            yield name, _shown(value) + ("" if apart is None else f" ±{apart:4.0%}")


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
