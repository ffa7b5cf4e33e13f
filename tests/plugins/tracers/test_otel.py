"""
The tracer `otel`: the contract, baggage, and the SDK that it sets up.
"""

from __future__ import annotations

from contextvars import copy_context

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from rpcfw.spi.tracer import SpanKind
from rpcfw.testing.contracts.tracer import TracerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.trace_context import TraceContext
from rpcfw_tracers.otel.baggage import read_baggage, write_baggage
from rpcfw_tracers.otel.export import OTelOptions
from rpcfw_tracers.otel.own_provider import OwnProvider
from rpcfw_tracers.otel.tracer import OTelTracer
from tests.spans import Recorded

PARENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", state="bank=1")


def options(**over):
    fields = {
        "sample": 1.0,
        "max_rate": 0.0,
        "unrecorded_ids": "shared",
        "exporter": "none",
        "endpoint": "",
        "max_queue": 10,
        "export_interval": 5.0,
        "flush_timeout": 1.0,
    }
    return OTelOptions(**{**fields, **over})


def own_sdk(tracer, *processors, **over):
    """
    Have a tracer record as with `exporter`; return what takes its spans.

    Args:
        processors: those that the program adds.
    """
    exporter = InMemorySpanExporter()
    provider, processor = OwnProvider(shutdown_on_exit=False, **over), SimpleSpanProcessor(exporter)
    provider.export_by(processor)
    for each in processors:
        provider.add_span_processor(each)
    tracer.use(provider, processor)
    return exporter


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
        own_sdk(tracer)
        return tracer


def test_spans_of_both_kinds_are_the_same(monkeypatch):
    """
    What is exported does not depend on who has set up the SDK.
    """
    exported = []
    for own in (False, True):
        exporter, resource = InMemorySpanExporter(), Resource({"a": "b"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
        tracer = OTelTracer(options(), plugin_context())
        if own:
            exporter = own_sdk(tracer, resource=resource)
        call = tracer.begin(SpanKind.CALL, "demo.Shop/get", PARENT, {"a": 1}, 1.0)
        attempt = tracer.begin(SpanKind.ATTEMPT, "demo.Shop/get", call, {"b": 2}, 2.0)
        attempt.end(3.0, {"c": "d"}, error="it broke")
        call.end(4.0, {})
        tracer.begin(SpanKind.SERVED, "demo.Shop/get", PARENT, {"a": 1}, 1.0).end(2.0, {})
        exported.append([facts(each) for each in exporter.get_finished_spans()])

    assert exported[0] == exported[1]
    assert 3 == len(exported[0])


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


def served(tracer, method):
    """
    Have a method run in a served call.
    """

    def run():
        span = tracer.begin(SpanKind.SERVED, "demo.Shop/get", PARENT, {"a": 1}, 1.0)
        tracer.enter(span, "")
        method(trace.get_current_span())
        span.end(3.0, {"c": "d"}, error="it broke")

    copy_context().run(run)


def change(span):
    """
    All that a program may do to a span.
    """
    other = trace.SpanContext(1, 2, is_remote=False)
    span.set_attribute("shop.key", 7)
    span.set_attributes({"shop.size": 8})
    span.add_event("looked", {"for": "it"}, 2_000_000_000)
    span.add_link(other, {"why": "so"})
    span.update_name("demo.Shop/other")
    span.record_exception(ValueError("burnt"), timestamp=2_500_000_000)


def of_event(event):
    attributes = {key: value for key, value in event.attributes.items() if "stack" not in key}
    return event.name, event.timestamp, attributes


def test_a_method_may_change_its_span(monkeypatch):
    """
    What a method does to the span of its call is exported, whoever has set up the SDK.
    """
    exported = []
    for own in (False, True):
        exporter, resource = InMemorySpanExporter(), Resource({"a": "b"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
        tracer = OTelTracer(options(), plugin_context())
        if own:
            exporter = own_sdk(tracer, resource=resource)
        served(tracer, change)
        (span,) = exporter.get_finished_spans()
        links = [(link.context.span_id, dict(link.attributes)) for link in span.links]
        exported.append((facts(span), [of_event(each) for each in span.events], links))

    assert exported[0] == exported[1]
    assert {"a": 1, "shop.key": 7, "shop.size": 8, "c": "d"} == exported[0][0]["attributes"]
    assert ["looked", "exception"] == [name for name, *_ in exported[0][1]]


@pytest.mark.parametrize("own", [False, True])
def test_a_method_may_end_its_span(monkeypatch, own):
    """
    Then it is exported as it was; what comes later is not in it, and there is no second one.
    """
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    tracer = OTelTracer(options(), plugin_context())
    exporter = own_sdk(tracer) if own else exporter
    found = []

    def end(span):
        assert span.is_recording()
        with trace.use_span(span, end_on_exit=True):
            pass
        assert not span.is_recording()
        found.append(span)

    served(tracer, end)
    found[0].set_attribute("late", 1)

    (span,) = exporter.get_finished_spans()
    assert {"a": 1} == dict(span.attributes)
    assert StatusCode.UNSET is span.status.status_code


def test_a_span_that_has_ended_is_not_changed():
    """
    A task that outlives its call changes nothing any more, and is told so by `is_recording`.
    """
    tracer, found = OTelTracer(options(), plugin_context()), []
    exporter = own_sdk(tracer)
    served(tracer, found.append)
    (late,) = found

    assert not late.is_recording()
    late.set_attribute("late", 1)
    late.end()
    assert not late.is_recording()
    (span,) = exporter.get_finished_spans()
    assert {"a": 1, "c": "d"} == dict(span.attributes)


def test_what_the_spans_of_the_sdk_have_is_there():
    """
    Programs read the attributes and the name of the current span, which the API has not.
    """
    tracer, found = OTelTracer(options(), plugin_context()), []
    own_sdk(tracer)
    served(tracer, lambda span: found.append((span.name, dict(span.attributes), span.parent)))

    ((name, attributes, parent),) = found
    assert ("demo.Shop/get", {"a": 1}) == (name, attributes)
    assert int(PARENT.span_id, 16) == parent.span_id


class Noting(SpanProcessor):
    """
    A processor of the program's.
    """

    def __init__(self):
        self.begun = []

    def on_start(self, span, parent_context=None):
        self.begun.append(span.name)
        span.set_attribute("tenant", "blue")


@pytest.mark.parametrize("kind", SpanKind)
def test_processors_that_a_program_adds_see_all_spans(kind):
    """
    They see how each span begins, and may add to it.
    """
    tracer, noting = OTelTracer(options(), plugin_context()), Noting()
    exporter = own_sdk(tracer, noting)
    tracer.begin(kind, "demo.Shop/get", None, {"a": 1}, 1.0).end(2.0, {})

    (span,) = exporter.get_finished_spans()
    assert ["demo.Shop/get"] == noting.begun
    assert {"a": 1, "tenant": "blue"} == dict(span.attributes)


@pytest.mark.parametrize("kind", SpanKind)
def test_limits_of_the_environment_hold(monkeypatch, kind):
    """
    OpenTelemetry's variables limit what is exported, also if the plugin has set up the SDK.
    """
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    tracer = OTelTracer(options(), plugin_context())
    exporter = own_sdk(tracer)
    tracer.begin(kind, "demo.Shop/get", None, {"a": "blue one"}, 1.0).end(2.0, {})

    (span,) = exporter.get_finished_spans()
    assert {"a": "blu"} == dict(span.attributes)
