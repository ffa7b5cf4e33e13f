"""
Spans that are made for the exporter once, at their end.

A span of the SDK may be changed by several threads until it ends, and asks a sampler, processors
and limits before that. It costs 10 us to begin and end one. Where this plugin has set up the SDK
itself, nothing of that is needed: nobody changes the span of a call or of an attempt, and few
methods change that of the call that they serve (see `rpcfw_tracers.otel.served_span`).
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.trace import Span as SDKSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from rpcfw.spi.tracer import Attributes, Span, SpanKind
from rpcfw.values.trace_context import TraceContext
from rpcfw_tracers.otel.contexts import KINDS, context_of
from rpcfw_tracers.otel.own_provider import OwnProvider

__all__ = ["ExportedSpan", "SpanExport"]

_NS = 1_000_000_000
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)


class SpanExport:
    """
    Makes spans, and gives them to the SDK when they have ended.

    Args:
        provider: says what the process is.
        processor: takes the spans.
        scope: who records.
    """

    def __init__(
        self, provider: OwnProvider, processor: SpanProcessor, scope: InstrumentationScope
    ) -> None:
        self.provider = provider
        self.processor = processor
        self.ended = processor.on_end
        self.resource = provider.resource
        self.scope = scope
        self.limits = SpanLimits()
        ids = RandomIdGenerator()
        self.new_trace_id, self.new_span_id = ids.generate_trace_id, ids.generate_span_id
        #: Begins a span.
        self.begin = partial(ExportedSpan, self)


class ExportedSpan(Span):
    """
    A call, an attempt or a served call.

    Args:
        export: takes it when it has ended.
        parent: a place in a trace, of a peer or of a span that this has made, or one of the
            program; None: a trace begins.
    """

    __slots__ = (
        "_attributes",
        "_began_at",
        "_kind",
        "_name",
        "_parent",
        "changed",
        "export",
        "is_open",
        "otel",
    )

    # Of its values only `changed` and `is_open` ever change. What attrs does to make sure takes
    # longer than all the rest; only without both of its methods, setting is fast.
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__

    export: SpanExport
    #: Its place in its trace, as OpenTelemetry has it.
    otel: SpanContext
    _kind: SpanKind
    _name: str
    _parent: SpanContext | None
    _attributes: Attributes
    _began_at: float
    #: What the method that is served has made of it, if it has changed it.
    changed: ChangedSpan | None
    is_open: bool

    def __init__(
        self,
        export: SpanExport,
        kind: SpanKind,
        name: str,
        parent: TraceContext | SpanContext | None,
        attributes: Attributes,
        at_s: float,
    ) -> None:
        own = cast("Any", self)  # mypy takes the values of a base that is frozen for frozen
        if parent is None:
            context, number, state = None, export.new_trace_id(), None
            own.trace_id = "%032x" % number  # noqa: UP031 - takes half the time
        else:
            if type(parent) is ExportedSpan:
                context = parent.otel
                own.trace_id = parent.trace_id
            elif isinstance(parent, TraceContext):
                context = context_of(parent)
                own.trace_id = parent.trace_id
            else:
                context = parent
                own.trace_id = f"{parent.trace_id:032x}"
            number, state = context.trace_id, context.trace_state
        span_id = export.new_span_id()
        own.span_id = "%016x" % span_id  # noqa: UP031 - takes half the time
        own.sampled = True
        own.state = state.to_header() if state else ""
        self.export = export
        self.otel = SpanContext(number, span_id, False, _SAMPLED, state)
        self.changed = None
        self.is_open = True
        self._parent = context
        self._kind = kind
        self._name = name
        self._attributes = attributes
        self._began_at = at_s

    def end(self, at_s: float, attributes: Attributes, *, error: str | None = None) -> None:
        self.is_open = False
        if self.changed is not None:
            self.changed.complete(at_s, attributes, error)
            return
        export = self.export
        export.ended(
            ReadableSpan(
                self._name,
                self.otel,
                self._parent,
                export.resource,
                {**self._attributes, **attributes},
                kind=KINDS[self._kind],
                status=_UNSET if error is None else Status(StatusCode.ERROR, error),
                start_time=int(self._began_at * _NS),
                end_time=int(at_s * _NS),
                instrumentation_scope=export.scope,
            )
        )

    def change(self) -> ChangedSpan:
        """
        Return a span of the SDK's in its place, which the program may change.

        If it has ended, that has ended too, and is not exported again.
        """
        export = self.export
        changed = ChangedSpan(
            self._name,
            self.otel,
            self._parent,
            resource=export.resource,
            attributes=self._attributes,
            kind=KINDS[self._kind],
            span_processor=export.processor if self.is_open else SpanProcessor(),
            limits=export.limits,
            instrumentation_scope=export.scope,
        )
        changed.start(int(self._began_at * _NS))
        if not self.is_open:
            changed.end()
        return changed


class ChangedSpan(SDKSpan):
    """
    A span of the SDK's, for whose context there was one before.
    """

    def complete(self, at_s: float, attributes: Attributes, error: str | None) -> None:
        """
        End it, unless the program has done so.
        """
        if not self.is_recording():
            return
        self.set_attributes(cast("dict[str, Any]", attributes))
        if error is not None:
            self.set_status(StatusCode.ERROR, error)
        self.end(int(at_s * _NS))
