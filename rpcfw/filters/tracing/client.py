"""
Tracing in a client: a span for each call, and one for each of its attempts.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from rpcfw.filters.tracing.conventions import (
    ATTEMPT_NUMBER,
    ATTEMPT_REASON,
    METHOD,
    SERVER_ADDRESS,
    SERVER_PORT,
    SYSTEM,
    system_of,
)
from rpcfw.filters.tracing.recording import Recorder
from rpcfw.filters.tracing.sampling import Tracing, with_trace
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.tracer import Attributes, SpanKind, Tracer
from rpcfw.values.address import Address
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY
from rpcfw.values.method import Method
from rpcfw.values.trace_context import TraceContext

__all__ = ["AttemptTracing", "ClientTracing"]

#: A program may make a method for each call, so what is kept of them is bounded.
_MAX_METHODS = 1024


class ClientTracing(Filter):
    """
    Records calls, and tells servers of the trace that they belong to.

    A call belongs to the trace of the code that makes it. If that is in none, the call may have
    a `traceparent` in its metadata, which is taken over from wherever the program has it. Else
    a new trace begins.

    Args:
        tracing: of the process.
        plugin_context: for time.
    """

    waits = False

    def __init__(self, tracing: Tracing, plugin_context: PluginContext) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._tracing = tracing
        self._tracer = tracing.tracer
        self._recorder = Recorder(plugin_context, marks_errors=True)
        self._attributes: dict[Method, Attributes] = {}

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        tracing, record = self._tracing, self._record
        outgoing, draw, share = self._tracer.outgoing, tracing.draw, tracing.share
        renews_from = tracing.renews_from

        def step(call: Call) -> Coroutine[Any, Any, Any]:
            trace, baggage = outgoing()
            given = None
            if trace is None and call.metadata is not EMPTY:
                given = trace = TraceContext.named_by(call.metadata)
            if trace is None:
                # `Tracing.decide`, written out: a call of it costs 0.2 us.
                number = draw()
                if number < share and tracing.allows():
                    return record(call, None, baggage, proceed)
                if number >= renews_from:
                    tracing.renew()
                if call.metadata is EMPTY and not baggage:
                    call.metadata = tracing.unrecorded.metadata
                    return proceed(call)
                trace = tracing.unrecorded.trace
            elif trace.sampled and (given is None or tracing.allows()):
                return record(call, given, baggage, proceed)
            if given is None or baggage:
                if call.metadata is EMPTY and not baggage and not trace.state:
                    call.metadata = tracing.pairs(trace)
                else:
                    call.metadata = with_trace(call.metadata, trace, baggage)
            return proceed(call)

        return step

    def _record(
        self, call: Call, parent: TraceContext | None, baggage: str, proceed: CallStep
    ) -> Coroutine[Any, Any, Any]:
        recorder, tracer, method = self._recorder, self._tracer, call.method
        attributes = self._attributes.get(method)
        if attributes is None:
            if len(self._attributes) >= _MAX_METHODS:
                self._attributes.clear()
            attributes = self._attributes[method] = _attributes(method)
        began = recorder.time_of_day()
        span = tracer.begin(SpanKind.CALL, method.path, parent, attributes, began)
        if span is None:
            return proceed(call)
        call.metadata = with_trace(call.metadata, span, baggage)
        if not span.sampled:
            return proceed(call)
        call.trace = span
        return recorder.record(span, began, call, proceed)


def _attributes(method: Method) -> Attributes:
    return {SYSTEM: "rpcfw", METHOD: method.path, SERVER_ADDRESS: method.service}


class AttemptTracing(Filter):
    """
    Records the attempts on one node. Their spans are the parents of what servers record.

    Args:
        tracer: records.
        address: of the node.
        protocol: that is spoken with it.
        plugin_context: for time.
    """

    waits = False

    def __init__(
        self, tracer: Tracer, address: Address, protocol: str, plugin_context: PluginContext
    ) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._tracer = tracer
        self._recorder = Recorder(plugin_context)
        self._node: dict[str, str | int] = {SYSTEM: system_of(protocol)}
        self._node[SERVER_ADDRESS] = address.host
        if address.port:
            self._node[SERVER_PORT] = address.port
        #: The attributes of first attempts.
        self._of_first: dict[Method, Attributes] = {}

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        record = self._record

        def step(call: Call) -> Coroutine[Any, Any, Any]:
            return proceed(call) if call.trace is None else record(call, proceed)

        return step

    def _record(self, call: Call, proceed: CallStep) -> Coroutine[Any, Any, Any]:
        recorder, method = self._recorder, call.method
        attributes = self._of_first.get(method)
        if attributes is None:
            if len(self._of_first) >= _MAX_METHODS:
                self._of_first.clear()
            attributes = {**self._node, METHOD: method.path, ATTEMPT_NUMBER: 1}
            self._of_first[method] = attributes
        if len(call.tried) > 1 or call.attempt > 1:
            reason = getattr(call, "repeats", "")
            attributes = {**attributes, ATTEMPT_NUMBER: call.attempt, ATTEMPT_REASON: reason}
        began = recorder.time_of_day()
        span = self._tracer.begin(SpanKind.ATTEMPT, method.path, call.trace, attributes, began)
        if span is None:
            return proceed(call)
        call.metadata = with_trace(call.metadata, span, "")
        return recorder.record(span, began, call, proceed)
