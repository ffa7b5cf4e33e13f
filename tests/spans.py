"""
What the SDK of OpenTelemetry has recorded in this process, for tests that look at it.
"""

from __future__ import annotations

from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

__all__ = ["Recorded"]


@cache
def _exporter() -> InMemorySpanExporter:
    """
    Return where all spans of this process go. A process has one provider, for good.
    """
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


class Recorded:
    """
    The spans that end from now on.
    """

    def __init__(self) -> None:
        self._exporter = _exporter()
        self._exporter.clear()

    @property
    def spans(self) -> list[ReadableSpan]:
        """
        All that have ended, in the order of their beginning.
        """
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def tree(self) -> list[str]:
        """
        Return the spans as a tree: one line each, children indented below their parents.
        """
        spans = self.spans
        known = {span.context.span_id for span in spans}
        return [
            line
            for span in spans
            if span.parent is None or span.parent.span_id not in known
            for line in _lines(span, spans, "")
        ]


def _lines(span: ReadableSpan, spans: list[ReadableSpan], indent: str) -> list[str]:
    status = span.attributes.get("rpc.response.status_code", "")
    number = span.attributes.get("rpcfw.attempt.number")
    attempt = "" if number is None else f" attempt {number}"
    lines = [f"{indent}{span.kind.name} {span.name}{attempt} {status}".rstrip()]
    for child in spans:
        if child.parent is not None and child.parent.span_id == span.context.span_id:
            lines += _lines(child, spans, indent + "  ")
    return lines
