"""
What every tracer promises.
"""

from __future__ import annotations

from abc import abstractmethod
from contextvars import copy_context

from rpcfw.spi.tracer import Span, SpanKind, Tracer
from rpcfw.values.trace_context import TraceContext

__all__ = ["TracerContract"]

_RECORDED = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
_NOT_RECORDED = TraceContext("0af7651916cd43dd8448eb211c80319d", "b7ad6b7169203332", sampled=False)


class TracerContract:
    """
    The tests of a tracer.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyTracer(TracerContract):
            def make(self):
                options = TracerOptions(sample=1.0, max_rate=0.0, unrecorded_ids="shared")
                return MyTracer(options, plugin_context())
    """

    @abstractmethod
    def make(self) -> Tracer:
        """
        Return a new tracer, which records what it is asked to. It need not be started.
        """

    def test_code_is_in_no_trace_by_itself(self) -> None:
        """
        Where nothing was entered, nothing is current.
        """
        tracer = self.make()

        assert copy_context().run(tracer.current) is None
        assert copy_context().run(tracer.baggage) == ""

    def test_a_span_can_travel(self) -> None:
        """
        A span is a context whose text is well-formed.
        """
        span = _begin(self.make())

        assert span.sampled
        again = TraceContext.parse(span.traceparent, span.state)
        assert again is not None
        assert (span.trace_id, span.span_id) == (again.trace_id, again.span_id)

    def test_a_child_is_in_the_trace_of_its_parent(self) -> None:
        """
        A span that has a parent has its trace, and an id of its own.
        """
        tracer = self.make()
        for parent in (_RECORDED, _begin(tracer)):
            child = _begin(tracer, SpanKind.ATTEMPT, parent)

            assert parent.trace_id == child.trace_id
            assert parent.span_id != child.span_id

    def test_calls_without_a_parent_begin_traces(self) -> None:
        """
        Two calls that belong to nothing have different traces.
        """
        tracer = self.make()

        assert _begin(tracer).trace_id != _begin(tracer).trace_id

    def test_what_is_entered_is_current(self) -> None:
        """
        Code is in the trace that was entered: a span, one of a peer, one that is not recorded.
        """
        tracer = self.make()
        for trace in (_begin(tracer, SpanKind.SERVED), _RECORDED, _NOT_RECORDED, _NOT_RECORDED):
            current = copy_context().run(_entered, tracer, trace)

            assert current is not None
            assert (trace.trace_id, trace.span_id) == (current.trace_id, current.span_id)
            assert trace.sampled == current.sampled

    def test_what_goes_out_is_what_is_current(self) -> None:
        """
        `outgoing` is `current` and `baggage`, in every context.
        """
        tracer = self.make()
        entered = (None, ""), (_begin(tracer), ""), (_RECORDED, "a=1"), (_NOT_RECORDED, "a=1")
        for trace, baggage in (*entered, (_NOT_RECORDED, "")):

            def outgoing(trace: TraceContext | None = trace, baggage: str = baggage) -> bool:
                if trace is not None:
                    tracer.enter(trace, baggage)
                return tracer.outgoing() == (tracer.current(), tracer.baggage())

            assert copy_context().run(outgoing)

    def test_a_call_is_the_child_of_what_is_current(self) -> None:
        """
        A call that is made while another is served belongs to the same trace.
        """
        tracer = self.make()

        def nested() -> Span:
            tracer.enter(_RECORDED, "")
            return _begin(tracer)

        assert _RECORDED.trace_id == copy_context().run(nested).trace_id

    def test_a_served_call_is_no_child_of_what_is_current(self) -> None:
        """
        What a server's loop runs in is nobody's parent.
        """
        tracer = self.make()

        def served() -> Span:
            tracer.enter(_RECORDED, "")
            return _begin(tracer, SpanKind.SERVED)

        assert _RECORDED.trace_id != copy_context().run(served).trace_id

    def test_a_context_does_not_leave_its_code(self) -> None:
        """
        What was entered is current in its own context only.
        """
        tracer = self.make()
        copy_context().run(_entered, tracer, _RECORDED)

        assert copy_context().run(tracer.current) is None

    def test_malformed_baggage_does_no_harm(self) -> None:
        """
        A peer may send anything; what is malformed is ignored.
        """
        tracer = self.make()
        for text in ("=", ",", "a", "a=1," * 1000, "a=\n", "\0", "a=" + "b" * 100_000):

            def entered(text: str = text) -> str:
                tracer.enter(_RECORDED, text)
                return tracer.baggage()

            assert copy_context().run(entered) == ""

    def test_every_end_is_accepted(self) -> None:
        """
        A span may end in success and in failure.
        """
        tracer = self.make()
        _begin(tracer).end(2.0, {"a": "b", "c": 1})
        _begin(tracer).end(2.0, {}, error="it broke")


def _begin(
    tracer: Tracer, kind: SpanKind = SpanKind.CALL, parent: TraceContext | None = None
) -> Span:
    attributes = {"rpc.method": "demo.Shop/get"}
    span = tracer.begin(kind, "demo.Shop/get", parent, attributes, 1.0)
    assert span is not None
    return span


def _entered(tracer: Tracer, trace: TraceContext) -> TraceContext | None:
    tracer.enter(trace, "")
    return tracer.current()
