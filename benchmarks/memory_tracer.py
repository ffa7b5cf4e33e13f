"""
A tracer that records everything, and keeps the last spans in memory: what recording itself costs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from rpcfw.spi.plugin import PluginContext
from rpcfw_tracers.otel.export import OTelOptions
from rpcfw_tracers.otel.own_provider import OwnProvider
from rpcfw_tracers.otel.span_queue import SpanQueue
from rpcfw_tracers.otel.tracer import OTelTracer

__all__ = ["MemoryTracer"]

_MAX_SPANS = 2048
_INTERVAL_S = 5.0


class _Memory(SpanExporter):
    def __init__(self) -> None:
        self._spans: deque[ReadableSpan] = deque(maxlen=_MAX_SPANS)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._spans.extend(spans)
        return SpanExportResult.SUCCESS


class MemoryTracer(OTelTracer):
    """
    The tracer ``otel`` with ``exporter``, but for where its thread sends spans.
    """

    def __init__(self, options: OTelOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        provider = OwnProvider(shutdown_on_exit=False)
        # A queue that is never full: a span that is dropped costs less.
        processor = SpanQueue(_Memory(), 8 * _MAX_SPANS, _INTERVAL_S, plugin_context)
        provider.export_by(processor)
        self.use(provider, processor)
