"""
``/status``: what runs here, since when, and how its calls go.
"""

from __future__ import annotations

import os
import platform
import threading
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

from rpcfw.spi.inspected_process import InspectedProcess
from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import Facts, Link, PageContent, Section
from rpcfw.spi.runtime.metrics import Meter
from rpcfw_pages.methods import last_minute_table, methods_table
from rpcfw_pages.rows import table
from rpcfw_pages.times import date_text

__all__ = ["Status", "status_sections"]


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
    columns = ("service", "state", "nodes", "started", "succeeded", "failed")
    return [
        _facts(process),
        table("services", ("service", "methods", "health"), services, len(served)),
        table("called_services", columns, clients, len(called)),
        last_minute_table(inspection.last_minute()),
        methods_table(meter),
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


@cache
def _version() -> str:
    try:
        return version("rpcfw")
    except PackageNotFoundError:
        return ""
