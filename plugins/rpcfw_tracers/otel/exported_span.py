"""
Spans that nobody but their exporter ever sees: those of calls and attempts in a client.

A span of the SDK may be changed by several threads until it ends, and asks a sampler, processors
and limits before that. It costs 10 us to begin and end one. Where this plugin has set up the SDK
itself, calls and attempts need nothing of that: what is exported is made once, at the end, for
a third of the time. Served calls have the SDK's spans, for their methods may use these.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from rpcfw.spi.tracer import Attributes, Span

__all__ = ["ExportedSpan", "SpanExport"]

_NS = 1_000_000_000
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)


class SpanExport:
    """
    Makes spans, and gives them to the SDK when they have ended.

    Args:
        processor: the SDK's.
        resource: what the process is.
        scope: who records.
    """

    def __init__(
        self, processor: SpanProcessor, resource: Resource, scope: InstrumentationScope
    ) -> None:
        self.ended = processor.on_end
        self.resource = resource
        self.scope = scope
        self._ids = RandomIdGenerator()

    def begin(
        self, name: str, parent: SpanContext | None, attributes: Attributes, at_s: float
    ) -> ExportedSpan:
        """
        Begin one.

        Args:
            parent: None: it begins a trace.
        """
        ids = self._ids
        if parent is None:
            trace_id, state = ids.generate_trace_id(), None
        else:
            trace_id, state = parent.trace_id, parent.trace_state
        context = SpanContext(trace_id, ids.generate_span_id(), False, _SAMPLED, state)
        return ExportedSpan.of(self, name, context, parent, attributes, at_s)


class ExportedSpan(Span):
    """
    A call or an attempt.
    """

    __slots__ = ("_attributes", "_began_at", "_export", "_name", "_parent", "otel_context")

    otel_context: SpanContext
    _export: SpanExport
    _name: str
    _parent: SpanContext | None
    _attributes: Attributes
    _began_at: float

    @classmethod
    def of(
        cls,
        export: SpanExport,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: Attributes,
        at_s: float,
    ) -> ExportedSpan:
        state: TraceState = context.trace_state
        span = cls(
            f"{context.trace_id:032x}",
            f"{context.span_id:016x}",
            True,
            state.to_header() if state else "",
        )
        keep: Any = object.__setattr__  # a value is frozen
        keep(span, "_export", export)
        keep(span, "_name", name)
        keep(span, "otel_context", context)
        keep(span, "_parent", parent)
        keep(span, "_attributes", attributes)
        keep(span, "_began_at", at_s)
        return span

    def end(self, at_s: float, attributes: Attributes, *, error: str | None = None) -> None:
        export = self._export
        export.ended(
            ReadableSpan(
                self._name,
                self.otel_context,
                self._parent,
                export.resource,
                {**self._attributes, **attributes},
                kind=SpanKind.CLIENT,
                status=_UNSET if error is None else Status(StatusCode.ERROR, error),
                start_time=int(self._began_at * _NS),
                end_time=int(at_s * _NS),
                instrumentation_scope=export.scope,
            )
        )
