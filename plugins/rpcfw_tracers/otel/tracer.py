"""
The tracer ``otel``: spans by OpenTelemetry's API, for whichever SDK and exporters there are.

The program's own SDK is used. For a program that has none, ``exporter`` sets one up.

What is current is OpenTelemetry's own: a span that the program has begun is the parent of the
calls made in it, and a method that is served finds the span of its call, as every
instrumentation does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OTelSpan

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.tracer import Attributes, Span, SpanKind, Tracer
from rpcfw.values.trace_context import TraceContext
from rpcfw_tracers.otel.baggage import read_baggage, write_baggage
from rpcfw_tracers.otel.contexts import KINDS, context_of, trace_of
from rpcfw_tracers.otel.export import Export, OTelOptions

if TYPE_CHECKING:
    from rpcfw_tracers.otel.exported_span import ExportedSpan, SpanExport
    from rpcfw_tracers.otel.served_span import ServedSpan

__all__ = ["OTelTracer"]

_NAME = "rpcfw"
_NS = 1_000_000_000
#: The version of the conventions that the filters keep to.
_SCHEMA = "https://opentelemetry.io/schemas/1.45.0"
_NO_CONTEXT = Context()
#: The answer to most clients: no span, no baggage.
_NOWHERE = (None, "")


class _RecordedSpan(Span):
    """
    A span of OpenTelemetry's.
    """

    __slots__ = ("otel",)

    otel: OTelSpan

    @classmethod
    def of(cls, otel: OTelSpan) -> _RecordedSpan:
        span_context = otel.get_span_context()
        state = span_context.trace_state
        span = cls(
            f"{span_context.trace_id:032x}",
            f"{span_context.span_id:016x}",
            bool(span_context.trace_flags & TraceFlags.SAMPLED),
            state.to_header() if state else "",
        )
        object.__setattr__(span, "otel", otel)  # a value is frozen
        return span

    def end(self, at_s: float, attributes: Attributes, *, error: str | None = None) -> None:
        otel = self.otel
        otel.set_attributes(cast("dict[str, Any]", attributes))
        if error is not None:
            otel.set_status(StatusCode.ERROR, error)
        otel.end(int(at_s * _NS))


class OTelTracer(Tracer):
    """
    Records by the API of OpenTelemetry.
    """

    Options: ClassVar[type] = OTelOptions
    options: OTelOptions

    def __init__(self, options: OTelOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._export = Export(options, plugin_context)
        self._tracer = otel_trace.get_tracer(_NAME, schema_url=_SCHEMA)
        #: Makes the spans, if this has set up the SDK itself.
        self._spans: SpanExport | None = None
        #: Those that this has made, as methods find them.
        self._served: type[ServedSpan] | None = None
        self._exported: type[ExportedSpan] | None = None
        #: The last context that was entered without a span; mostly the next one is the same.
        self._entered: TraceContext | None = None
        self._entered_context = _NO_CONTEXT

    async def start(self) -> None:
        if self._export.start():
            self.use(*self._export.sdk)

    async def stop(self) -> None:
        await self._export.stop()

    def use(self, provider: Any, processor: Any) -> None:
        """
        Record by an SDK that was set up for this tracer alone.

        Args:
            provider: samples what its parents are sampled for, and all that has none.
            processor: its only one.
        """
        # The SDK is needed by those alone who have this plugin set it up.
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        from rpcfw_tracers.otel.exported_span import ExportedSpan, SpanExport
        from rpcfw_tracers.otel.served_span import ServedSpan

        self._tracer = provider.get_tracer(_NAME, schema_url=_SCHEMA)
        scope = InstrumentationScope(_NAME, "", _SCHEMA)
        self._spans = SpanExport(provider, processor, scope)
        self._served, self._exported = ServedSpan, ExportedSpan

    def current(self) -> TraceContext | None:
        return self._trace_of(otel_context.get_current())

    def baggage(self) -> str:
        return self._baggage_of(otel_context.get_current())

    def outgoing(self) -> tuple[TraceContext | None, str]:
        context = otel_context.get_current()
        if not context:
            return _NOWHERE
        return self._trace_of(context), self._baggage_of(context)

    def begin(
        self,
        kind: SpanKind,
        name: str,
        parent: TraceContext | None,
        attributes: Attributes,
        at_s: float,
    ) -> Span | None:
        spans = self._spans
        if spans is not None and not spans.provider.needs_sdk_spans:
            known: TraceContext | SpanContext | None = parent
            if parent is None and kind is not SpanKind.SERVED:
                known = self._current()
            return spans.begin(kind, name, known, attributes, at_s)
        context: Context | None = None
        if parent is not None:
            context = set_span_in_context(self._span_of(parent), otel_context.get_current())
        elif kind is SpanKind.SERVED:
            context = _NO_CONTEXT
        otel = self._tracer.start_span(
            name,
            context,
            KINDS[kind],
            cast("dict[str, Any]", attributes),
            start_time=int(at_s * _NS),
        )
        # Without an SDK the API begins no traces.
        return _RecordedSpan.of(otel) if otel.get_span_context().is_valid else None

    def enter(self, trace: TraceContext, baggage: str) -> None:
        if trace is self._entered and not baggage:
            otel_context.attach(self._entered_context)
            return
        context = set_span_in_context(self._span_of(trace), _NO_CONTEXT)
        if baggage:
            context = read_baggage(baggage, context)
        elif not trace.sampled:
            self._entered, self._entered_context = trace, context
        otel_context.attach(context)

    def _trace_of(self, context: Context) -> TraceContext | None:
        if not context:
            return None
        if context is self._entered_context:
            return self._entered
        span = get_current_span(context)
        if type(span) is self._served:
            return span.exported
        span_context = span.get_span_context()
        return trace_of(span_context) if span_context.is_valid else None

    def _baggage_of(self, context: Context) -> str:
        if not context or context is self._entered_context:
            return ""
        return write_baggage(context)

    def _current(self) -> TraceContext | SpanContext | None:
        """
        Return the parent of a call that the running code makes.
        """
        context = otel_context.get_current()
        if not context:
            return None
        span = get_current_span(context)
        if type(span) is self._served:
            return span.exported
        span_context = span.get_span_context()
        return span_context if span_context.is_valid else None

    def _span_of(self, trace: TraceContext) -> OTelSpan:
        """
        Return a span of OpenTelemetry's that stands for a context.
        """
        if self._served is not None and type(trace) is self._exported:
            return self._served(trace)
        if isinstance(trace, _RecordedSpan):
            return trace.otel
        return NonRecordingSpan(context_of(trace))
