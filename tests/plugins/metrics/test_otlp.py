"""
Metrics sent by OTLP, to a receiver that reads them with OpenTelemetry's own messages.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.resources import Resource

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.metrics_exporter import MetricsExporter
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.histogram import LATENCY_BUCKETS_S, Exemplar
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.readings import read
from rpcfw.testing.contracts.metrics_exporter import MetricsExporterContract
from rpcfw_metrics.otlp import OTLPMetricsExporter, OTLPOptions
from rpcfw_metrics.otlp_points import otlp_metrics


class Receiver:
    """
    Takes exports on a port of its own.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.status = 200
        receiver = self

        class Requests(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the library's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if receiver.status == 200:
                    receiver.requests.append(ExportMetricsServiceRequest.FromString(body))
                self.send_response(receiver.status)
                self.end_headers()
                self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Requests)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/metrics"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    def metrics(self, index: int) -> dict[str, Any]:
        """
        Return the metrics of one request by their names.
        """
        (resource,) = self.requests[index].resource_metrics
        (scope,) = resource.scope_metrics
        return {one.name: one for one in scope.metrics}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


class TestOTLPContract(MetricsExporterContract):
    @pytest.fixture(autouse=True)
    def _receive(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def make(self, context: PluginContext) -> MetricsExporter:
        options = options_of(OTLPOptions, interval="1s", endpoint=self.receiver.url)
        return OTLPMetricsExporter(options, context)

    def received(self) -> list[set[str]]:
        return [set(self.receiver.metrics(index)) for index in range(len(self.receiver.requests))]

    def refuse(self) -> None:
        # The exporter repeats what may succeed later, as after a 503; this is final.
        self.receiver.status = 400


def test_each_kind() -> None:
    """
    Counters are cumulative sums, gauges are gauges, histograms have our buckets and exemplars.
    """
    meter = Meter()
    meter.counter("calls_total", "calls", "method").of("say").value += 3
    meter.gauge("open_bytes", "open").of().value = 2.5
    meter.counter("never_total", "nothing", "kind")
    histogram = meter.histogram("call_seconds", "time").of()
    histogram.observe(0.003)
    histogram.observe(1e9)
    histogram.keep(Exemplar("0a" * 16, "0b" * 8, 0.003, 1_700_000_000.5))

    sent = otlp_metrics(read(meter), Resource({}), 1_000.0, 2_000.0)
    (resource,) = sent.resource_metrics
    (scope,) = resource.scope_metrics
    found: dict[str, Any] = {one.name: one for one in scope.metrics}

    assert {"calls_total", "open_bytes", "call_seconds"} == found.keys()
    assert ("1", "By", "s") == tuple(
        found[name].unit for name in ("calls_total", "open_bytes", "call_seconds")
    )
    (point,) = found["calls_total"].data.data_points
    assert found["calls_total"].data.is_monotonic
    assert ({"method": "say"}, 3) == (point.attributes, point.value)
    assert (1_000 * 10**9, 2_000 * 10**9) == (point.start_time_unix_nano, point.time_unix_nano)
    (point,) = found["call_seconds"].data.data_points
    assert (2, LATENCY_BUCKETS_S) == (point.count, point.explicit_bounds)
    assert len(LATENCY_BUCKETS_S) + 1 == len(point.bucket_counts)
    assert (1, 1) == (point.bucket_counts[5], point.bucket_counts[-1])
    (exemplar,) = point.exemplars
    assert (int("0a" * 16, 16), int("0b" * 8, 16)) == (exemplar.trace_id, exemplar.span_id)


def test_what_is_sent_says_whose_it_is(receiver: Receiver) -> None:
    """
    The application is the service of OpenTelemetry, and bounds that are not known are left out.
    """
    from rpcfw.testing.plugin_context import plugin_context

    context = plugin_context(application="shop")
    context.meter.histogram("call_seconds", "time").of().observe(0.5)
    exporter = OTLPMetricsExporter(options_of(OTLPOptions, endpoint=receiver.url), context)
    exporter.export(read(context.meter))

    (resource,) = receiver.requests[0].resource_metrics
    facts = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert "shop" == facts["service.name"]
    (point,) = receiver.metrics(0)["call_seconds"].histogram.data_points
    assert not point.HasField("min")
    assert 0.5 == point.sum


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_SERVICE_NAME", "store"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=store")],
)
def test_the_environment_names_the_service_as_it_does_for_spans(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """
    Else a backend would have the metrics and the spans of one process under two names.
    """
    from rpcfw.testing.plugin_context import plugin_context

    monkeypatch.setenv(variable, value)
    context = plugin_context(application="shop")
    context.meter.counter("calls_total", "calls").of().value = 1
    exporter = OTLPMetricsExporter(options_of(OTLPOptions, endpoint=receiver.url), context)
    exporter.export(read(context.meter))

    (resource,) = receiver.requests[0].resource_metrics
    facts = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert "store" == facts["service.name"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"interval": "1ms"}, "at least 100ms"),
        ({"endpoint": "127.0.0.1:4318"}, "expected a URL"),
        ({"timeout": "0s"}, "above 0s"),
    ],
)
def test_options(options: dict[str, str], reason: str) -> None:
    """
    What could not be exported to is refused before anything starts.
    """
    with pytest.raises(SettingsError, match=reason):
        options_of(OTLPOptions, **options)
