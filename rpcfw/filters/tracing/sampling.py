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

__all__ = ["Tracing", "Unrecorded", "with_trace"]

_TRACE_BITS = 128
_SPAN_BITS = 64
#: Where calls that are not recorded share ids, one in so many gets new ones, and those after it
#: have the same. A text that stays the same costs little: the wires cache what they make of it.
_SAME = 1024
#: W3C Baggage, section 3.3.2: more need not be passed on.
_MAX_BAGGAGE = 8192


class Unrecorded:
    """
    What calls have in common that are in no trace, and are not recorded.

    Args:
        trace: where they are.
        metadata: says so to servers.
    """

    __slots__ = ("metadata", "trace")

    def __init__(self, trace: TraceContext) -> None:
        self.trace = trace
        self.metadata = with_trace(EMPTY, trace, "")


class Tracing:
    """
    The tracer of one process, and the decision which calls it records.

    Args:
        tracer: its options name the share of the traces that begin here, and the limit.
        plugin_context: for time and randomness.

    Attributes:
        draw: returns a number of 0 to 1 for each trace that would begin here.
        share: a trace is recorded if its number is less.
        renews_from: the context of what is not recorded changes if the number is not.
        unrecorded: that context.
    """

    def __init__(self, tracer: Tracer, plugin_context: PluginContext) -> None:
        self.tracer = tracer
        self.share = tracer.options.sample
        self.renews_from = 1 - 1 / _SAME if tracer.options.unrecorded_ids == "shared" else 0.0
        self._random = plugin_context.random
        self.draw = self._random.random
        self._seconds = plugin_context.clock.seconds
        self._rate = tracer.options.max_rate
        self._allowed = self._rate
        self._at = self._seconds()
        self.unrecorded = self._new()
        #: The context that `pairs` was asked about last; mostly it is the next one, too.
        self._last: TraceContext | None = None
        self._pairs = EMPTY

    def decide(self) -> Unrecorded | None:
        """
        Decide about a trace that would begin here. None: it is recorded.
        """
        number = self.draw()
        if number < self.share and self.allows():
            return None
        if number >= self.renews_from:
            self.renew()
        return self.unrecorded

    def renew(self) -> None:
        """
        Give the next calls that are not recorded another context.
        """
        self.unrecorded = self._new()

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

    def refused(self, trace: TraceContext) -> TraceContext:
        """
        Return where a call is that its trace wants recorded, and `allows` does not.

        Whoever changes the flag has to change the id of the span (W3C Trace Context, section 4.3).
        """
        return TraceContext(trace.trace_id, self._span_id(), False, trace.state)

    def pairs(self, trace: TraceContext) -> Metadata:
        """
        Return the metadata of a call that has none of its own, in a trace that is not recorded.
        """
        if trace is not self._last:
            self._last, self._pairs = trace, with_trace(EMPTY, trace, "")
        return self._pairs

    def _new(self) -> Unrecorded:
        trace_id = self._random.randrange((1 << _TRACE_BITS) - 1) + 1
        return Unrecorded(TraceContext(f"{trace_id:032x}", self._span_id(), sampled=False))

    def _span_id(self) -> str:
        return f"{self._random.randrange((1 << _SPAN_BITS) - 1) + 1:016x}"


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
