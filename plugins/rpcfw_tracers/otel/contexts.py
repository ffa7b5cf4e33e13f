"""
Places in a trace and kinds of spans: ours as OpenTelemetry's, and places the other way round.
"""

from __future__ import annotations

from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.trace import SpanKind as OTelKind

from rpcfw.spi.tracer import SpanKind
from rpcfw.values.trace_context import TraceContext

__all__ = ["KINDS", "context_of", "trace_of"]

KINDS = {
    SpanKind.CALL: OTelKind.CLIENT,
    SpanKind.ATTEMPT: OTelKind.CLIENT,
    SpanKind.SERVED: OTelKind.SERVER,
}

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED = TraceFlags(TraceFlags.DEFAULT)


def context_of(trace: TraceContext) -> SpanContext:
    """
    Return that of a peer as OpenTelemetry has it.
    """
    return SpanContext(
        int(trace.trace_id, 16),
        int(trace.span_id, 16),
        True,
        _SAMPLED if trace.sampled else _NOT_SAMPLED,
        TraceState.from_header([trace.state]) if trace.state else None,
    )


def trace_of(context: SpanContext) -> TraceContext:
    """
    Return one of OpenTelemetry's as it travels.
    """
    return TraceContext(
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        bool(context.trace_flags & TraceFlags.SAMPLED),
        context.trace_state.to_header() if context.trace_state else "",
    )
