"""
Spans of a program that records them to memory: what tracing costs without sending anything.
"""

from __future__ import annotations

from collections import deque

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

__all__ = ["record_to_memory"]

#: As many as an exporter would keep waiting.
_MAX_SPANS = 2048


class _Memory(SpanProcessor):
    def __init__(self) -> None:
        self._spans: deque[ReadableSpan] = deque(maxlen=_MAX_SPANS)

    def on_end(self, span: ReadableSpan) -> None:
        self._spans.append(span)


def record_to_memory() -> None:
    """
    Set OpenTelemetry's SDK up, as a program does that has its own.
    """
    provider = TracerProvider()
    provider.add_span_processor(_Memory())
    trace.set_tracer_provider(provider)
