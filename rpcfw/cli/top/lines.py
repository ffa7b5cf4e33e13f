"""
The table as lines of text, for a terminal or for a file.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.cli.top.columns import columns_of, padded
from rpcfw.cli.top.rows import Look, Row, sorted_rows
from rpcfw.printable import printable

__all__ = ["table_lines"]

_NUMBERS = ("CALLS/S", "ERRORS/S", "IN FLIGHT", "P50 MS", "P99 MS")
#: Processes without an answer that are named.
_MAX_SILENT = 5
_MAX_REASON_CHARS = 120


def table_lines(look: Look, sort: str, *, instances: bool) -> list[str]:
    """
    Return a summary, the titles of the columns, and a line for each row.

    Args:
        instances: a row for each instance; else for each service.
    """
    rows = sorted_rows(look.instances if instances else look.services, sort)
    cells = [_titles(instances), *(_cells(row, instances) for row in rows)]
    widths = [max(map(columns_of, column)) for column in zip(*cells, strict=True)]
    left = 2 if instances else 1
    return [*_summary(look, sort), *(_line(each, widths, left) for each in cells)]


def _titles(instances: bool) -> list[str]:
    return ["SERVICE", "INSTANCE" if instances else "INSTANCES", *_NUMBERS]


def _cells(row: Row, instances: bool) -> list[str]:
    return [
        printable(row.service),
        printable(row.address) if instances else str(row.instances),
        _number(row.calls_per_s, 1),
        _number(row.errors_per_s, 1),
        _number(row.in_flight, 0),
        _number(row.p50_ms, 2),
        _number(row.p99_ms, 2),
    ]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    """
    Return one line: names begin, and numbers end, at the same place in all lines.
    """
    placed = [
        padded(cell, width, right=at >= left)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(placed).rstrip()


def _summary(look: Look, sort: str) -> list[str]:
    calls = sum(row.calls_per_s or 0.0 for row in look.services)
    errors = sum(row.errors_per_s or 0.0 for row in look.services)
    counts = f"{len(look.services)} services, {len(look.instances)} instances"
    lines = [f"{counts}, {calls:.1f} calls/s, {errors:.1f} errors/s; by {sort}"]
    if look.trouble:
        lines.append(f"the registry: {_short(look.trouble)}; the lists may be old")
    if not look.processes:
        lines.append("no admin port is known: give instances the tag admin, or add --admin")
    named = list(look.silent.items())[:_MAX_SILENT]
    lines += [f"{printable(address)}: {_short(reason)}" for address, reason in named]
    if len(look.silent) > _MAX_SILENT:
        lines.append(f"and {len(look.silent) - _MAX_SILENT} more do not answer")
    return [*lines, ""]


def _short(text: str) -> str:
    return printable(" ".join(text.split())[:_MAX_REASON_CHARS])
