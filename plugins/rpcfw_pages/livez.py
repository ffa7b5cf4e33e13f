"""
``/livez``: whether the process works at all, for a liveness probe.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import Facts, PageContent

__all__ = ["Livez"]


class Livez(Page):
    """
    Succeeds whenever it is asked, also while the process starts and stops.

    Its reactor has turned to answer, which is what a restart could mend. A process that is not
    ready, or drains, is not helped by a restart: that would end the calls that are open.
    """

    path: ClassVar[str] = "/livez"
    title: ClassVar[str] = "liveness: the process works"
    probe: ClassVar[bool] = True

    def render(self, request: PageRequest) -> PageContent:
        return PageContent([Facts("live", {"live": True, "phase": request.process.phase})])
