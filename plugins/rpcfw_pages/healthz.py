"""
``/healthz``: the health of the server and of each service, as ``grpc.health.v1`` has it.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.page import Page, PageRefused, PageRequest
from rpcfw.spi.page_content import Facts, PageContent
from rpcfw.values.health import Health
from rpcfw_pages.rows import table

__all__ = ["Healthz"]


class Healthz(Page):
    """
    Succeeds while the server is healthy; with ``?service=NAME``, while that service is.
    """

    path: ClassVar[str] = "/healthz"
    title: ClassVar[str] = "health of the server and of its services"
    probe: ClassVar[bool] = True

    def render(self, request: PageRequest) -> PageContent:
        board, name = request.process.inspection.health, request.query.get("service", "")
        health = board.of(name)
        if health is None:
            raise PageRefused(404, "this process does not serve that service")
        serving = health is Health.SERVING
        facts = Facts("health", {"service": name, "health": health.value})
        if name:
            return PageContent([facts], 200 if serving else 503)
        rows = [(each, value.value) for each, value in sorted(board.all().items()) if each]
        services = table("services", ("service", "health"), rows, len(rows))
        return PageContent([facts, services], 200 if serving else 503)
