"""
``/status``: what runs here, since when, and how its calls go.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

from rpcfw.spi.inspected_process import InspectedProcess
from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import Cell, Facts, Link, PageContent, Section, Table
from rpcfw.spi.runtime.histogram import Histogram, percentile
from rpcfw.spi.runtime.metrics import Counter, Gauge, Meter
from rpcfw.values.method_rates import MethodRates
from rpcfw_pages.rows import table
from rpcfw_pages.times import date_text

__all__ = ["Status", "status_sections"]

_SIDES = ("server", "client")
_RATES = (
    "side",
    "service",
    "method",
    "calls_per_s",
    "errors_per_s",
    "in_flight",
    "p50_ms",
    "p90_ms",
    "p99_ms",
)
_COLUMNS = (
    "side",
    "service",
    "method",
    "ended",
    "failed",
    "in_flight",
    "mean_ms",
    "p50_ms",
    "p90_ms",
    "p99_ms",
)


class Status(Page):
    """
    The page that one looks at first.
    """

    path: ClassVar[str] = "/status"
    title: ClassVar[str] = "process, services and calls"

    def render(self, request: PageRequest) -> PageContent:
        sections = status_sections(request.process, self.plugin_context.meter)
        links = (Link("slow and failed calls", "/calls"), Link("connections", "/connections"))
        return PageContent(sections, links=links)


def status_sections(process: InspectedProcess, meter: Meter) -> list[Section]:
    """
    Return the process, its services, what it calls, and its methods.
    """
    inspection = process.inspection
    served, called = inspection.services(), inspection.clients.services()
    health = inspection.health.all()
    services = (
        (each.name, len(each.methods), health[each.name].value if each.name in health else "")
        for each in served
    )
    clients = ((each.name, each.state.value, len(each.nodes), *each.calls) for each in called)
    methods = sorted(_methods(meter), key=lambda row: (row[0], row[1], row[2]))
    columns = ("service", "state", "nodes", "started", "succeeded", "failed")
    return [
        _facts(process),
        table("services", ("service", "methods", "health"), services, len(served)),
        table("called_services", columns, clients, len(called)),
        _last_minute(inspection.last_minute()),
        table("methods", _COLUMNS, methods, len(methods)),
    ]


def _facts(process: InspectedProcess) -> Facts:
    inspection = process.inspection
    calls = inspection.calls
    return Facts(
        "process",
        {
            "application": process.application,
            "phase": process.phase,
            "ready": process.ready,
            "listening_at": ", ".join(map(str, inspection.addresses)),
            "started_at": date_text(process.started_at),
            "uptime_s": round(process.uptime_s, 1),
            "rpcfw_version": _version(),
            "python_version": platform.python_version(),
            "process_id": os.getpid(),
            "run_id": process.run_id,
            "threads": threading.active_count(),
            "connections": len(inspection.connections()),
            "calls_started": calls.started,
            "calls_succeeded": calls.succeeded,
            "calls_failed": calls.failed,
        },
    )


def _last_minute(rates: Sequence[MethodRates]) -> Table:
    """
    Return how often each method is called, and how long that takes.
    """
    rows = (
        (
            each.side,
            each.service,
            each.method,
            round(each.calls_per_s, 2),
            round(each.errors_per_s, 2),
            each.in_flight,
            *map(_ms, (each.p50_s, each.p90_s, each.p99_s)),
        )
        for each in rates
    )
    return table("last_minute", _RATES, rows, len(rates))


def _methods(meter: Meter) -> Iterator[Sequence[str | Cell]]:
    """
    Yield a row for each method that was called, at either side.
    """
    families = {family.name: family for family in meter}
    for side in _SIDES:
        ended, failed = dict[tuple[str, ...], int](), dict[tuple[str, ...], int]()
        for labels, member in families.get(f"rpcfw_{side}_calls_total") or ():
            if isinstance(member, Counter):
                method, count = labels[:2], int(member.value)
                ended[method] = ended.get(method, 0) + count
                if labels[2] != "OK":
                    failed[method] = failed.get(method, 0) + count
        open_now = {
            names: int(member.value)
            for names, member in families.get(f"rpcfw_{side}_calls_in_flight") or ()
            if isinstance(member, Gauge)
        }
        for names, member in families.get(f"rpcfw_{side}_call_seconds") or ():
            if isinstance(member, Histogram):
                counts = ended.get(names, 0), failed.get(names, 0), open_now.get(names, 0)
                yield (side, *names, *counts, *_times(member))


def _times(histogram: Histogram) -> Iterator[float | None]:
    """
    Yield the mean and percentiles, in milliseconds.
    """
    counts = tuple(histogram.counts)
    count = sum(counts)
    yield _ms(histogram.total / count if count else None)
    for share in (0.5, 0.9, 0.99):
        yield _ms(percentile(counts, share))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


@cache
def _version() -> str:
    try:
        return version("rpcfw")
    except PackageNotFoundError:
        return ""
