"""
``/calls``: the calls of the last minutes that failed or were slow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isinf
from typing import ClassVar

from rpcfw.spi.page import Page, PageRefused, PageRequest
from rpcfw.spi.page_content import Cell, Link, PageContent, Table
from rpcfw.status import Status
from rpcfw.values.recent_call import RecentCall
from rpcfw_pages.rows import table
from rpcfw_pages.times import date_text

__all__ = ["RecentCallsPage", "calls_table"]

_COLUMNS = (
    "number",
    "ended_at",
    "side",
    "service",
    "method",
    "status",
    "slow",
    "took_ms",
    "limit_ms",
    "attempts",
    "peer",
    "caller",
    "message",
    "hints",
    "phases",
    "trace_id",
)
_MAX_CALLS = 500
_KINDS = ("failed", "slow")


class RecentCallsPage(Page):
    """
    The last one first. Parameters of the URL choose some.

    ``trace``: of one trace; ``number``: one call, as the access log has it; ``service``: of one
    service; ``kind``: ``failed`` or ``slow``; ``limit``: how many.
    """

    path: ClassVar[str] = "/calls"
    title: ClassVar[str] = "slow and failed calls of the last minutes"

    def render(self, request: PageRequest) -> PageContent:
        query = request.query
        kind = query.get("kind", "")
        if kind and kind not in _KINDS:
            raise PageRefused(400, f"kind: expected failed or slow, got {kind[:50]!r}")
        limit = int(request.number("limit", 100, 1, _MAX_CALLS))
        found = [
            each for each in request.process.inspection.recent_calls() if _fits(each, query, kind)
        ]
        links = (
            Link("all", "/calls"),
            Link("failed", "/calls?kind=failed"),
            Link("slow", "/calls?kind=slow"),
        )
        return PageContent([calls_table(found, limit)], links=links)


def calls_table(calls: Sequence[RecentCall], limit: int = 100) -> Table:
    """
    Return calls, the last one first.
    """
    return table("calls", _COLUMNS, map(_row, calls), len(calls), limit)


def _fits(call: RecentCall, query: Mapping[str, str], kind: str) -> bool:
    facts = {"trace": call.trace_id, "number": str(call.number), "service": call.service}
    if any(query.get(name, value) != value for name, value in facts.items()):
        return False
    if kind == "failed":
        return call.status is not Status.OK
    return call.slow if kind else True


def _row(call: RecentCall) -> Sequence[Cell]:
    trace: Cell = call.trace_id
    if trace:
        trace = Link(call.trace_id, f"/calls?trace={call.trace_id}")
    phases = ", ".join(f"{name} {seconds * 1000:.3g} ms" for name, seconds in call.phases)
    return (
        call.number,
        date_text(call.ended_at),
        call.side,
        call.service,
        call.method,
        call.status.name,
        call.slow,
        round(call.took_s * 1000, 3),
        None if isinf(call.limit_s) else round(call.limit_s * 1000, 3),
        call.attempts,
        call.peer,
        call.caller,
        call.message,
        "" if not call.hints else str(call.hints).partition(".")[2],
        phases,
        trace,
    )
