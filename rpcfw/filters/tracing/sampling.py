"""
Which calls are recorded. Decided before anything is made for a call.

A trace is recorded whole or not at all: who begins it decides, and the others follow. What is
not recorded has to say so to those that it calls, or each of them would begin traces of its own.
"""

from __future__ import annotations

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.tracer import Tracer
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.trace_context import BAGGAGE, TRACEPARENT, TRACESTATE, TraceContext

__all__ = ["Tracing", "with_trace"]

_TRACE_BITS = 128
_SPAN_BITS = 64
#: So many calls that are not recorded say so with the same ids. Nobody ever looks these up,
#: and a text that stays the same costs little: the wires cache what they make of it.
_MAX_SAME = 1024
#: W3C Baggage, section 3.3.2: more need not be passed on.
_MAX_BAGGAGE = 8192


class Tracing:
    """
    The tracer of one process, and the decision which calls it records.

    Args:
        tracer: its options name the share of the traces that begin here, and the limit.
        plugin_context: for time and randomness.
    """

    def __init__(self, tracer: Tracer, plugin_context: PluginContext) -> None:
        self.tracer = tracer
        self._share = tracer.options.sample
        self._random = plugin_context.random
        self._draw = self._random.random
        self._seconds = plugin_context.clock.seconds
        self._rate = tracer.options.max_rate
        self._allowed = self._rate
        self._at = self._seconds()
        self._not_recorded = self._new()
        self._same = 0
        #: The context that `pairs` was asked about last; mostly it is the next one, too.
        self._last: TraceContext | None = None
        self._pairs = EMPTY

    def begins(self) -> bool:
        """
        Decide whether a trace that begins here is recorded.
        """
        return self._draw() < self._share and self.allows()

    def allows(self) -> bool:
        """
        Take one more call from what may be recorded in this second.
        """
        if not self._rate:
            return True
        now = self._seconds()
        self._allowed = min(self._rate, self._allowed + (now - self._at) * self._rate)
        self._at = now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True

    def not_recorded(self) -> TraceContext:
        """
        Return the context of a call that is not recorded, and was in no trace before.
        """
        self._same += 1
        if self._same >= _MAX_SAME:
            self._same, self._not_recorded = 0, self._new()
        return self._not_recorded

    def pairs(self, trace: TraceContext) -> Metadata:
        """
        Return the metadata of a call that is not recorded, and has none of its own.
        """
        if trace is not self._last:
            self._last, self._pairs = trace, with_trace(EMPTY, trace, "")
        return self._pairs

    def _new(self) -> TraceContext:
        randrange = self._random.randrange
        trace_id = randrange((1 << _TRACE_BITS) - 1) + 1
        span_id = randrange((1 << _SPAN_BITS) - 1) + 1
        return TraceContext(f"{trace_id:032x}", f"{span_id:016x}", sampled=False)


def with_trace(metadata: Metadata, trace: TraceContext, baggage: str) -> Metadata:
    """
    Return the metadata of a call, or of an attempt, that says where it is in its trace.

    What it had of an attempt before is replaced.

    Args:
        baggage: empty: that which is there stays.
    """
    had, own = metadata.pairs, (TRACEPARENT, trace.traceparent)
    if not baggage and not trace.state and (not had or (len(had) == 1 and had[0][0] == own[0])):
        return Metadata((own,))
    pairs: list[tuple[str, str | bytes]] = [own]
    if trace.state:
        pairs.append((TRACESTATE, trace.state))
    if baggage and len(baggage) <= _MAX_BAGGAGE:
        pairs.append((BAGGAGE, baggage))
    if had:
        names = {name for name, _ in pairs} | {TRACEPARENT, TRACESTATE}
        pairs = [pair for pair in had if pair[0] not in names] + pairs
    return Metadata(tuple(pairs))
