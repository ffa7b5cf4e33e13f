"""
What it costs to see: metrics on top of nothing, and an access log and traces on top of metrics.

Server and client of a chain have the same settings. What a chain costs is the median of the
differences to the chain below it in the same round, with their spread.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.chains import measure
from benchmarks.children import ChildError
from benchmarks.messages import generate
from benchmarks.plan import Plan
from benchmarks.rows import Row

__all__ = ["observability"]

_NOTHING = "nothing"
_METRICS = "metrics (default)"
_SIDES = ("server", "client")
_TRACING = (
    "plugins.tracers.memory=benchmarks.memory_tracer:MemoryTracer",
    "tracing.plugin=memory",
    "tracing.max_rate=0/s",
)


def _chains(folder: Path) -> dict[str, tuple[str, ...]]:
    """
    Return the settings of both sides by the name of the chain.
    """
    log = ("access_log.sides=server, client", "access_log.max_files=1")
    chains: dict[str, tuple[str, ...]] = {
        _NOTHING: ("server.remove=METRICS", "client.remove=METRICS"),
        _METRICS: (),
        "access log": (f"access_log.file={folder / 'access.log'}", *log),
    }
    if find_spec("opentelemetry") is not None:
        chains["tracing, none recorded"] = (*_TRACING, "tracing.sample=0%")
        chains["tracing, all recorded"] = (*_TRACING, "tracing.sample=100%")
    return chains


def observability(plan: Plan) -> list[Row]:
    """
    Measure the chains.
    """
    if plan.servers and "rpcfw" not in plan.servers:
        return []
    try:
        with tempfile.TemporaryDirectory() as directory:
            generate(Path(directory))
            return _rows(plan, directory)
    except ChildError as error:
        sys.stderr.write(f"{error}\n")
        return []


def _rows(plan: Plan, modules: str) -> list[Row]:
    chains = {
        name: (_of_side("server", sets), _of_side("client", sets))
        for name, sets in _chains(Path(modules)).items()
    }
    found = measure(plan, modules, chains)
    return [_row(name, found) for name in found]


def _of_side(side: str, sets: Sequence[str]) -> list[str]:
    """
    Return the settings of one side: two processes must not write one file.
    """
    return [each.replace("access.log", f"{side}.log") for each in sets]


def _row(chain: str, found: Mapping[str, Sequence[dict[str, Any]]]) -> Row:
    """
    Return the row of a chain: metrics against nothing, all others against metrics.
    """
    against = _NOTHING if chain in (_NOTHING, _METRICS) else _METRICS
    measured = found[chain]
    row: Row = {
        "chain": chain,
        "calls_per_s": round(median(one["count"] / one["took_s"] for one in measured), 1),
        "against": against,
    }
    for side in _SIDES:
        key = f"{side}_us"
        more = [one[key] - base[key] for one, base in zip(measured, found[against], strict=True)]
        row[f"{side}_us_per_call"] = round(median(one[key] for one in measured), 2)
        row[f"{side}_us_more"] = round(median(more), 2)
        row[f"{side}_us_spread"] = round(max(more) - min(more), 2)
    return row
