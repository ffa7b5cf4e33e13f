"""
The queue of spans that are sent, with an exporter that waits until it is told to go on.
"""

from __future__ import annotations

from threading import Event

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from twisted.logger import capturedLogs

from rpcfw.spi.tracer import SpanKind
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_tracers.otel.own_provider import OwnProvider
from rpcfw_tracers.otel.span_queue import SpanQueue
from rpcfw_tracers.otel.tracer import OTelTracer
from tests.plugins.tracers.test_otel import options

LIMIT_S = 30


class Collector(SpanExporter):
    """
    A collector that answers when the test lets it.
    """

    def __init__(self, result=SpanExportResult.SUCCESS):
        self.result = result
        self.asked, self.answer = Event(), Event()
        self.spans = []

    def export(self, spans):
        self.asked.set()
        assert self.answer.wait(LIMIT_S)
        if self.result is None:
            raise OSError("the collector is away")
        self.spans += spans
        return self.result

    def shutdown(self):
        pass


def tracer_of(collector, context, max_spans):
    """
    Return a tracer whose spans are exported as with `exporter`, and what takes them.
    """
    tracer, provider = OTelTracer(options(), context), OwnProvider(shutdown_on_exit=False)
    queue = SpanQueue(collector, max_spans, 3600.0, context)
    provider.export_by(queue)
    tracer.use(provider, queue)
    return tracer, queue


def record(tracer, count):
    for number in range(count):
        tracer.begin(SpanKind.CALL, f"demo.Shop/m{number}", None, {}, 1.0).end(2.0, {})


def counted(context):
    """
    Return how many spans were counted, by what became of them.
    """
    family = context.meter.counter("rpcfw_trace_spans_total", "", "result")
    return {result: int(counter.value) for (result,), counter in family}


@pytest.mark.parametrize(
    ("result", "counts"),
    [
        (SpanExportResult.SUCCESS, {"sent": 3, "failed": 0, "dropped": 0}),
        (SpanExportResult.FAILURE, {"sent": 0, "failed": 3, "dropped": 0}),
        (None, {"sent": 0, "failed": 3, "dropped": 0}),
    ],
)
def test_what_becomes_of_spans_is_counted(result, counts):
    """
    Those that were sent, and those that the collector did not take.
    """
    context, collector = plugin_context(), Collector(result)
    tracer, queue = tracer_of(collector, context, 10)
    collector.answer.set()
    record(tracer, 3)
    assert queue.force_flush()
    queue.shutdown()

    assert counts == counted(context)


def test_what_is_too_much_is_dropped_and_counted():
    """
    While the collector does not answer, a bounded number of spans wait. A few log lines say so.
    """
    context, collector = plugin_context(), Collector()
    tracer, queue = tracer_of(collector, context, 4)
    record(tracer, 4)
    assert collector.asked.wait(LIMIT_S)  # four are on their way
    with capturedLogs() as events:
        record(tracer, 104)
    before = counted(context)
    collector.answer.set()
    queue.shutdown()

    assert {"sent": 0, "failed": 0, "dropped": 100} == before
    assert {"sent": 8, "failed": 0, "dropped": 100} == counted(context)
    assert [f"demo.Shop/m{number}" for number in (0, 1, 2, 3) * 2] == [
        span.name for span in collector.spans
    ]
    assert 1 <= len(events) <= 5
    assert all(4 == event["max_spans"] for event in events)


def test_spans_that_are_not_sampled_take_no_room():
    """
    A sampler of the program may have spans recorded that are not sent.
    """
    context, collector = plugin_context(), Collector()
    tracer, queue = tracer_of(collector, context, 1)
    collector.answer.set()
    span = tracer.begin(SpanKind.CALL, "demo.Shop/get", None, {}, 1.0)

    class NotSampled:
        context = type(span.otel)(1, 1, False)

    for _ in range(3):
        queue.on_end(NotSampled())
    span.end(2.0, {})
    queue.shutdown()

    assert {"sent": 1, "failed": 0, "dropped": 0} == counted(context)
