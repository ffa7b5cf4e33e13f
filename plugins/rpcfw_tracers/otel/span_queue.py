"""
The spans that wait to be sent, and what becomes of them.

The SDK's own queue drops the oldest spans, and tells nobody but its own log. So this drops the
further ones before they come there, and counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.metrics import Counter
from rpcfw.spi.runtime.rate_limit import LimitedLog

__all__ = ["SpanQueue"]

_MAX_BATCH = 512


class SpanQueue(SpanProcessor):
    """
    A queue with a limit, which a thread of the SDK's empties.

    Args:
        exporter: sends spans, in that thread.
        max_spans: that wait.
        interval_s: how often they are sent.
        plugin_context: counts them.
    """

    log = Logger()

    def __init__(
        self,
        exporter: SpanExporter,
        max_spans: int,
        interval_s: float,
        plugin_context: PluginContext,
    ) -> None:
        counts = plugin_context.meter.counter(
            "rpcfw_trace_spans_total", "spans that were to be sent to a collector", "result"
        )
        self._dropped = counts.of("dropped")
        self._exporter = _CountedExporter(exporter, counts.of("sent"), counts.of("failed"))
        self._max_spans = max_spans
        #: Spans that were put into the queue of the SDK, from whichever thread.
        self._queued = 0
        self._queueing = Lock()
        self._log = LimitedLog(self.log, plugin_context.clock.seconds)
        self._batches: SpanProcessor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=max_spans,
            schedule_delay_millis=interval_s * 1000,
            max_export_batch_size=min(_MAX_BATCH, max_spans),
        )

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._queueing:
            is_full = self._queued - self._exporter.taken >= self._max_spans
            if is_full:
                self._dropped.value += 1
            else:
                self._queued += 1
        if is_full:
            self._log.warn_of(
                "full",
                "spans are dropped: [tracing] max_queue of {max_spans} wait to be sent",
                max_spans=self._max_spans,
            )
        else:
            self._batches.on_end(span)

    def shutdown(self) -> None:
        self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._batches.force_flush(timeout_millis)


class _CountedExporter(SpanExporter):
    """
    An exporter whose spans are counted. The SDK exports one batch at a time.
    """

    def __init__(self, exporter: SpanExporter, sent: Counter, failed: Counter) -> None:
        self._exporter = exporter
        self._sent, self._failed = sent, failed
        #: Spans that left the queue.
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            counter = self._sent if result is SpanExportResult.SUCCESS else self._failed
            counter.value += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)
