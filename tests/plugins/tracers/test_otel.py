"""
The tracer `otel`: the contract, baggage, and the SDK that it sets up.
"""

from __future__ import annotations

from contextvars import copy_context

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from rpcfw.spi.tracer import SpanKind
from rpcfw.testing.contracts.tracer import TracerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.trace_context import TraceContext
from rpcfw_tracers.otel.baggage import read_baggage, write_baggage
from rpcfw_tracers.otel.export import OTelOptions
from rpcfw_tracers.otel.tracer import OTelTracer
from tests.spans import Recorded

PARENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", state="bank=1")


def options(**over):
    fields = {
        "sample": 1.0,
        "max_rate": 0.0,
        "exporter": "none",
        "endpoint": "",
        "max_queue": 10,
        "export_interval": 5.0,
        "flush_timeout": 1.0,
    }
    return OTelOptions(**{**fields, **over})


class TestOTelTracer(TracerContract):
    """
    With the SDK of the program.
    """

    def make(self):
        Recorded()
        return OTelTracer(options(), plugin_context())


class TestExportedSpans(TracerContract):
    """
    With an SDK of the tracer's own.
    """

    def make(self):
        tracer = OTelTracer(options(), plugin_context())
        tracer.use(
            TracerProvider(shutdown_on_exit=False), SimpleSpanProcessor(InMemorySpanExporter())
        )
        return tracer


def test_spans_of_both_kinds_are_the_same(monkeypatch):
    """
    What is exported does not depend on who has set up the SDK.
    """
    exported = []
    for own in (False, True):
        exporter = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource({"a": "b"}), shutdown_on_exit=False)
        processor = SimpleSpanProcessor(exporter)
        provider.add_span_processor(processor)
        monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
        tracer = OTelTracer(options(), plugin_context())
        if own:
            tracer.use(provider, processor)
        call = tracer.begin(SpanKind.CALL, "demo.Shop/get", PARENT, {"a": 1}, 1.0)
        attempt = tracer.begin(SpanKind.ATTEMPT, "demo.Shop/get", call, {"b": 2}, 2.0)
        attempt.end(3.0, {"c": "d"}, error="it broke")
        call.end(4.0, {})
        exported.append([facts(each) for each in exporter.get_finished_spans()])

    assert exported[0] == exported[1]
    assert 2 == len(exported[0])


def facts(span):
    """
    What a backend sees of a span, but for ids that are drawn.
    """
    return {
        "name": span.name,
        "kind": span.kind,
        "times": (span.start_time, span.end_time),
        "attributes": dict(span.attributes),
        "status": (span.status.status_code, span.status.description),
        "trace": span.context.trace_id,
        "state": span.context.trace_state.to_header(),
        "flags": span.context.trace_flags & 1,
        "parent": (span.parent.trace_id, span.parent.is_remote),
        "scope": span.instrumentation_scope,
        "resource": dict(span.resource.attributes),
    }


@pytest.fixture
def recorded():
    return Recorded()


def test_times_are_those_that_it_is_given(recorded):
    """
    A span lasts as long as the clock of the process says.
    """
    tracer = OTelTracer(options(), plugin_context())
    tracer.begin(SpanKind.CALL, "demo.Shop/get", None, {}, 5.0).end(7.5, {})

    (span,) = recorded.spans
    assert (5_000_000_000, 7_500_000_000) == (span.start_time, span.end_time)


def test_the_state_of_other_systems_is_kept(recorded):
    """
    What other tracing systems have put into a trace goes on with it.
    """
    tracer = OTelTracer(options(), plugin_context())

    assert "bank=1" == tracer.begin(SpanKind.SERVED, "demo.Shop/get", PARENT, {}, 5.0).state


def test_the_sampler_of_the_program_has_a_say(recorded, monkeypatch):
    """
    What the program's own SDK does not sample is not recorded, and says so to whom it calls.
    """
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    tracer = OTelTracer(options(), plugin_context())

    span = tracer.begin(SpanKind.CALL, "demo.Shop/get", None, {}, 5.0)

    assert not span.sampled
    assert span.traceparent.endswith("-00")
    assert [] == recorded.spans


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ("a=1 , b=2", {"a": "1", "b": "2"}),
        ("a=%20x", {"a": "x"}),
        ("a", {}),
        ("a=1,,b=2", {}),
        ("a=1\n", {}),
        ("a=é", {}),
        ("a=1," * 64 + "b=2", {}),
        ("a=" + "b" * 4096, {}),
        ("a=1" + " " * 8000, {}),
    ],
)
def test_baggage_is_taken_whole_or_not_at_all(text, kept):
    """
    Entries are read as OpenTelemetry reads them; what has one that is malformed is ignored.
    """
    context = read_baggage(text, trace.set_span_in_context(trace.INVALID_SPAN))

    assert kept == dict(baggage.get_all(context))


def test_baggage_that_cannot_be_sent_is_not():
    """
    A program may put anything into its baggage; no call fails for it.
    """
    assert "a=%0A" == write_baggage(baggage.set_baggage("a", "\n"))
    assert "" == write_baggage(baggage.set_baggage("a", "b" * 9000))


def test_a_context_that_is_not_recorded_is_made_once(recorded):
    """
    Calls that are not recorded share what is made for the first of them.
    """
    tracer = OTelTracer(options(), plugin_context())
    unsampled = TraceContext(PARENT.trace_id, PARENT.span_id, sampled=False)

    def span():
        tracer.enter(unsampled, "")
        return trace.get_current_span()

    assert copy_context().run(span) is copy_context().run(span)


@pytest.mark.parametrize(
    ("over", "name"),
    [
        ({"max_queue": 0}, "max_queue"),
        ({"export_interval": 0.0}, "export_interval"),
        ({"exporter": "otlp", "endpoint": "collector:4318"}, "endpoint"),
        ({"endpoint": "http://collector:4318"}, "endpoint"),
    ],
)
def test_wrong_options_are_named(over, name):
    """
    What nothing could be sent with is refused before the start.
    """
    assert [name] == [key for key, _ in options(**over).problems()]


def test_without_an_sdk_nothing_is_said(monkeypatch):
    """
    A program that chose the tracer and has set up no SDK neither records nor ends traces of others.
    """
    monkeypatch.setattr(trace, "get_tracer", trace.NoOpTracerProvider().get_tracer)
    tracer = OTelTracer(options(), plugin_context())

    assert tracer.begin(SpanKind.CALL, "demo.Shop/get", None, {}, 5.0) is None
    assert tracer.begin(SpanKind.SERVED, "demo.Shop/get", None, {}, 5.0) is None
    passed_on = tracer.begin(SpanKind.SERVED, "demo.Shop/get", PARENT, {}, 5.0)
    assert PARENT.traceparent == passed_on.traceparent
