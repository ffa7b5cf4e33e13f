"""
Metrics exporters: they send what a process counts to a backend, again and again.

A backend that fetches needs none: see the page ``/metrics`` of the admin port.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import Plugin, PluginContext
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.readings import Reading, read
from rpcfw.values.units import Seconds

__all__ = ["MetricsExporter", "MetricsExporterOptions"]

#: More often would cost the process more than its backend can show.
_MIN_INTERVAL_S = 0.1


@options
class MetricsExporterOptions:
    """
    The options that all exporters have.
    """

    interval: Seconds = option("60s", "time between two exports")

    def problems(self) -> Any:
        """
        Find an interval that would do nothing else.
        """
        if self.interval < _MIN_INTERVAL_S:
            yield "interval", f"must be at least 100ms, not {self.interval * 1000:g}ms"


class MetricsExporter(Plugin):
    """
    Sends the metrics of the process.

    They are read in the reactor's thread and sent in another one, by `export`. One export runs
    at a time, so a backend that does not answer costs one thread and the memory of one reading.
    What could not be sent is not kept: counters only grow, so the next export says it too.
    """

    log = Logger()

    Options: ClassVar[type] = MetricsExporterOptions
    options: MetricsExporterOptions

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._stop = Event()
        self._loop: Deferred[None] | None = None
        self._log = LimitedLog(self.log, plugin_context.clock.seconds)
        counts = plugin_context.meter.counter(
            "rpcfw_metrics_exports_total", "exports of the metrics of this process", "result"
        )
        self._sent, self._failed = counts.of("sent"), counts.of("failed")

    @abstractmethod
    def export(self, readings: tuple[Reading, ...]) -> None:
        """
        Send the metrics. It runs in a thread, and ends within a limited time.

        Raises:
            Exception: they were not sent. The text is logged.
        """

    async def start(self) -> None:
        self._loop = loop_in_background(
            self._export_repeatedly, "the export of metrics", self.plugin_context.clock
        )

    async def stop(self) -> None:
        """
        Send what was counted last, and end.
        """
        self._stop.set()
        if self._loop is not None:
            await self._loop

    async def _export_repeatedly(self) -> None:
        clock = self.plugin_context.clock
        stopping = False
        while not stopping:
            at = clock.seconds() + self.options.interval
            await self._stop.wait_until(clock, at)
            # Looked at before the export: one more follows what was counted during it.
            stopping = self._stop.is_set
            await self._export_once()

    async def _export_once(self) -> None:
        readings = read(self.plugin_context.meter)
        try:
            await self.plugin_context.threads.call(self.export, readings)
        except Exception as error:  # noqa: BLE001  # of the backend's library, of whatever kind
            self._failed.value += 1
            self._log.warn_of("failed", "the metrics could not be exported: {error}", error=error)
        else:
            self._sent.value += 1
