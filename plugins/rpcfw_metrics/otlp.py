"""
Metrics sent by OTLP over HTTP, to an OpenTelemetry collector or a backend that takes it.

OpenTelemetry's own exporter sends them; its variables ``OTEL_EXPORTER_OTLP_...`` are honoured, as
those for headers and certificates. Its SDK counts nothing: it gets the numbers that the process
counts anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from rpcfw.errors import Unavailable
from rpcfw.spi.metrics_exporter import MetricsExporter, MetricsExporterOptions
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.readings import Reading
from rpcfw.values.units import Seconds
from rpcfw_metrics.otlp_points import otlp_metrics

__all__ = ["OTLPMetricsExporter", "OTLPOptions"]


@options
class OTLPOptions(MetricsExporterOptions):
    """
    Where the metrics are sent.
    """

    endpoint: str = option(
        "",
        "URL to send to, as http://127.0.0.1:4318/v1/metrics; empty: as the variables "
        "OTEL_EXPORTER_OTLP_... say, else port 4318 of this machine",
    )
    timeout: Seconds = option("10s", "time limit of one export, with its repetitions")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find a URL that nothing could be sent to.
        """
        yield from super().problems()
        url = urlsplit(self.endpoint)
        if self.endpoint and not (url.scheme in ("http", "https") and url.netloc):
            yield "endpoint", "expected a URL, as http://127.0.0.1:4318/v1/metrics"
        if self.timeout <= 0:
            yield "timeout", "must be above 0s"


class OTLPMetricsExporter(MetricsExporter):
    """
    Sends the metrics by OTLP.
    """

    Options = OTLPOptions
    options: OTLPOptions

    def __init__(self, options: OTLPOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._exporter: OTLPMetricExporter | None = None
        # The environment may name the service otherwise: then the spans of the process do so, too.
        own = Resource({"service.name": plugin_context.application})
        self._resource = Resource.create().merge(own.merge(OTELResourceDetector().detect()))
        self._began_at = plugin_context.time_of_day()

    def export(self, readings: tuple[Reading, ...]) -> None:
        if self._exporter is None:
            self._exporter = OTLPMetricExporter(
                endpoint=self.options.endpoint or None, timeout=self.options.timeout
            )
        now = self.plugin_context.time_of_day()
        sent = self._exporter.export(otlp_metrics(readings, self._resource, self._began_at, now))
        if sent is not MetricExportResult.SUCCESS:
            raise Unavailable(f"{self.options.endpoint or 'the receiver'} did not take them")

    async def stop(self) -> None:
        await super().stop()
        if self._exporter is not None:
            self._exporter.shutdown()
