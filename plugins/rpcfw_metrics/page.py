"""
``/metrics``: what the process counts, for Prometheus and whoever else fetches metrics.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.page import Page, PageRefused, PageRequest, PageResponse
from rpcfw.spi.runtime.readings import Reading, read

__all__ = ["MetricsPage"]


class MetricsPage(Page):
    """
    The metrics, as OpenMetrics or as Prometheus's text format.

    The numbers are read at once, and formatted in a thread: ten thousand series take a fifth of
    a second, in which calls go on.
    """

    path: ClassVar[str] = "/metrics"
    title: ClassVar[str] = "what is counted, for Prometheus"

    async def render(self, request: PageRequest) -> PageResponse:
        readings = read(self.plugin_context.meter)
        content_type, body = await self.plugin_context.threads.call(
            _exposition, readings, request.accept
        )
        return PageResponse(body, content_type)


def _exposition(readings: tuple[Reading, ...], accept: str) -> tuple[str, bytes]:
    # Not before somebody asks: the other pages of a process do without the library.
    try:
        from rpcfw_metrics.exposition import exposition
    except ModuleNotFoundError as error:
        raise PageRefused(
            501, f"there is no module {error.name!r}: pip install 'rpcfw[metrics]'"
        ) from None
    return exposition(readings, accept)
