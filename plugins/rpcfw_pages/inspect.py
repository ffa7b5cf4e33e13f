"""
``/inspect.json``: the whole process for a program, as the console reads it.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import PageContent, Section
from rpcfw_pages.calls import calls_table
from rpcfw_pages.config import config_sections
from rpcfw_pages.connections import connection_sections
from rpcfw_pages.status import status_sections

__all__ = ["Inspect"]

_MAX_CONNECTIONS = 200
_MAX_CALLS = 100


class Inspect(Page):
    """
    What ``/status``, ``/connections``, ``/calls`` and ``/config`` show, in one response.

    Names are added in later versions, and none is removed.
    """

    path: ClassVar[str] = "/inspect"
    title: ClassVar[str] = "everything for a program: /inspect.json"

    def render(self, request: PageRequest) -> PageContent:
        process, context = request.process, self.plugin_context
        sections: list[Section] = [
            *status_sections(process, context.meter),
            *connection_sections(process, context.clock.seconds(), _MAX_CONNECTIONS),
            calls_table(process.inspection.recent_calls(), _MAX_CALLS),
            *config_sections(process.options()),
        ]
        return PageContent(sections)
