"""
``/readyz``: whether calls are welcome, for a readiness probe.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import Facts, PageContent
from rpcfw.values.health import Health

__all__ = ["Readyz"]


class Readyz(Page):
    """
    Succeeds in the phases ready, announced and offline, unless code says that the server is ill.
    """

    path: ClassVar[str] = "/readyz"
    title: ClassVar[str] = "readiness: calls are welcome"
    probe: ClassVar[bool] = True

    def render(self, request: PageRequest) -> PageContent:
        process = request.process
        health = process.inspection.health.of("")
        ready = process.ready and health is Health.SERVING
        known = (health or Health.UNKNOWN).value
        facts = Facts("readiness", {"ready": ready, "phase": process.phase, "health": known})
        return PageContent([facts], 200 if ready else 503)
