"""
Tracing in a server: a span for each served call.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from rpcfw.filters.tracing.conventions import (
    CALLER,
    METHOD,
    PEER_ADDRESS,
    SYSTEM,
    server_failed,
    system_of,
)
from rpcfw.filters.tracing.recording import Recorder
from rpcfw.filters.tracing.sampling import Tracing
from rpcfw.printable import printable
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.tracer import Attributes, SpanKind
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata
from rpcfw.values.method import Method
from rpcfw.values.trace_context import (
    BAGGAGE,
    TRACEPARENT,
    TRACESTATE,
    TraceContext,
    listed,
)

__all__ = ["ServerTracing"]

#: A caller names itself. So much of its name is recorded.
_MAX_CALLER = 100
#: Callers choose their names and ports, so what is kept of them is bounded.
_MAX_MADE = 1024


class ServerTracing(Filter):
    """
    Records served calls, as parts of the traces that their callers have named.

    The trace is the current one where the method runs, so what the method does belongs to it;
    one that is not recorded as well, or the method would begin others.

    Args:
        tracing: of the process.
        plugin_context: for time.
    """

    def __init__(self, tracing: Tracing, plugin_context: PluginContext) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._tracing = tracing
        self._tracer = tracing.tracer
        self._recorder = Recorder(plugin_context, server_failed)
        #: The last one that was not recorded. Mostly the next one is the same.
        self._text: object = None
        self._last: TraceContext | None = None
        #: The attributes by method, peer, caller and wire protocol.
        self._made: dict[tuple[Method, str, str, str], Attributes] = {}

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        decide, allows = self._tracing.decide, self._tracing.allows
        refused = self._tracing.refused
        read, record = self._read, self._record
        enter = self._tracer.enter

        # A coroutine, for it has to run in the context of the call.
        async def step(call: Call) -> Any:
            metadata = call.metadata
            given = trace = read(metadata) if metadata.pairs else None
            if trace is None:
                unrecorded = decide()
                if unrecorded is None:
                    return await record(call, None, proceed)
                trace = unrecorded.trace
            elif trace.sampled:
                if allows():
                    return await record(call, trace, proceed)
                # Else the calls that the method makes would be recorded, as many as there are.
                trace = refused(trace)
            enter(trace, _baggage(metadata, given) if metadata.pairs else "")
            return await proceed(call)

        return step

    def _read(self, metadata: Metadata) -> TraceContext | None:
        """
        Return where the caller says that the call belongs.
        """
        state = ""
        if len(metadata.pairs) == 1:  # as of most calls: it is that of the trace
            ((name, text),) = metadata.pairs
            if name != TRACEPARENT:
                return None
        else:
            found = metadata.all(TRACEPARENT)
            if len(found) != 1:  # of several nobody knows which one is meant
                return None
            text, state = found[0], listed(metadata, TRACESTATE)
        if text == self._text and not state:
            return self._last
        trace = TraceContext.parse(text, state)
        if trace is not None and not trace.sampled and not trace.state:
            self._text, self._last = text, trace
        return trace

    def _record(
        self, call: Call, parent: TraceContext | None, proceed: CallStep
    ) -> Coroutine[Any, Any, Any]:
        recorder, tracer, metadata = self._recorder, self._tracer, call.metadata
        began = recorder.time_of_day()
        attributes = self._attributes(call)
        span = tracer.begin(SpanKind.SERVED, call.method.path, parent, attributes, began)
        if span is None:
            return proceed(call)
        tracer.enter(span, _baggage(metadata, parent) if metadata.pairs else "")
        if not span.sampled:
            return proceed(call)
        call.trace = span
        return recorder.record(span, began, call, proceed)

    def _attributes(self, call: Call) -> Attributes:
        """
        Return the attributes of a call from this peer. Mostly the peer has called before.
        """
        key = call.method, call.peer, call.caller[:_MAX_CALLER], call.wire
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= _MAX_MADE:
                self._made.clear()
            found = self._made[key] = _attributes(call)
        return found


def _baggage(metadata: Metadata, given: TraceContext | None) -> str:
    """
    Return the baggage that a caller has sent.

    Args:
        given: the trace that it has named.
    """
    if given is not None and len(metadata.pairs) == 1:  # as of most calls: it is that of the trace
        return ""
    return listed(metadata, BAGGAGE)


def _attributes(call: Call) -> Attributes:
    attributes = {SYSTEM: system_of(call.wire), METHOD: call.method.path, PEER_ADDRESS: call.peer}
    if call.caller:
        attributes[CALLER] = printable(call.caller[:_MAX_CALLER])
    return attributes
