"""
The page and the plots of simulated fleets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.balancing.figures import row
from benchmarks.balancing.svg import Mark, bars, ranges
from benchmarks.picking import balancers
from benchmarks.plan import Plan
from benchmarks.rows import Row

__all__ = ["balancing", "write"]

#: Where the page belongs.
FOLDER = Path(__file__).parents[2] / "docs" / "governance"
SIZES = (10, 100)

_TICKS = (
    (10, "10 ms"),
    (30, "30 ms"),
    (100, "100 ms"),
    (300, "300 ms"),
    (1000, "1 s"),
    (3000, "3 s"),
)

#: The page without its tables.
_PAGE = Path(__file__).with_name("page.md")

_COLUMNS = {
    "balancer": "balancer",
    "slow_share": "slow",
    "failing_share": "failing",
    "cold_share": "cold",
    "large_to_small": "large : small",
    "errors_percent": "errors",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "p999_ms": "p99.9 ms",
}


def balancing(plan: Plan) -> list[Row]:
    """
    Simulate the fleets, write the page and its plots, and return the rows.
    """
    rows = []
    for size in SIZES:
        for name in balancers():
            rows.append(row(name, size))
            sys.stderr.write(f"{name}, {size} nodes: p99 {rows[-1]['p99_ms']:,.0f} ms\n")
    write(rows, plan.output or FOLDER)
    return rows


def write(rows: Sequence[Row], folder: Path) -> None:
    """
    Write the page and its plots.
    """
    sizes = dict.fromkeys(one["nodes"] for one in rows)
    tables = [_table([one for one in rows if one["nodes"] == size], size) for size in sizes]
    _save(folder, "balancing.md", _PAGE.read_text().format(tables="\n\n".join(tables)))

    def percent(name: str) -> Callable[[Row], Mark]:
        return lambda one: Mark((one[name],), f"{one[name]:g}")

    share = bars(
        "Share of the slow node, in percent of a fair share", _marks(rows, percent("slow_share"))
    )
    errors = bars("Calls that failed, in percent", _marks(rows, percent("errors_percent")))
    taken = ranges("Latency: p50, p99, p99.9", _marks(rows, _percentiles), _TICKS)
    _save(folder, "balancing-share.svg", share)
    _save(folder, "balancing-errors.svg", errors)
    _save(folder, "balancing-latency.svg", taken)


def _save(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, "utf-8")


def _marks(rows: Sequence[Row], mark: Callable[[Row], Mark]) -> dict[str, dict[str, Mark]]:
    found: dict[str, dict[str, Mark]] = {}
    for one in rows:
        found.setdefault(one["balancer"], {})[f"{one['nodes']} nodes"] = mark(one)
    return found


def _percentiles(one: Row) -> Mark:
    return Mark((one["p50_ms"], one["p99_ms"], one["p999_ms"]), "")


def _table(rows: Sequence[Row], size: int) -> str:
    lines = [
        f"**{size} nodes**",
        "",
        f"| {' | '.join(_COLUMNS.values())} |",
        f"|{' --- |' * len(_COLUMNS)}",
    ]
    for one in rows:
        cells = (f"{one[name]:,}" if name != "balancer" else f"`{one[name]}`" for name in _COLUMNS)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
