"""
Metrics as text, read back by the library's own parsers.
"""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from rpcfw.spi.runtime.histogram import LATENCY_BUCKETS_S, Exemplar
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.readings import read
from rpcfw_metrics.exposition import exposition

OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def counted() -> Meter:
    """
    Return a meter with one metric of each kind.
    """
    meter = Meter()
    meter.counter("calls_total", "calls", "method").of("say").value += 3
    meter.gauge("open", "open ones").of().value = 2.5
    meter.observed_counter("sent_bytes_total", "bytes").add(lambda: [((), 10)])
    histogram = meter.histogram("call_seconds", "time", "method").of("say")
    for value in (0.0001, 0.003, 0.004, 99.0):
        histogram.observe(value)
    histogram.keep(Exemplar("a" * 32, "b" * 16, 0.004, 1700000000.5))
    return meter


def test_open_metrics() -> None:
    """
    OpenMetrics has each number once, units, and exemplars with the ids of their traces.
    """
    content_type, text = exposition(read(counted()), OPEN_METRICS)
    assert content_type.startswith("application/openmetrics-text")
    families = {one.name: one for one in open_metrics(text.decode())}

    assert {"calls", "open", "sent_bytes", "call_seconds"} == families.keys()
    assert [3] == [one.value for one in families["calls"].samples]
    assert ("bytes", "seconds", "") == tuple(
        families[name].unit for name in ("sent_bytes", "call_seconds", "calls")
    )
    samples = families["call_seconds"].samples
    buckets = {one.labels["le"]: one for one in samples if one.name.endswith("_bucket")}
    assert len(LATENCY_BUCKETS_S) + 1 == len(buckets)
    assert (1, 3, 4) == tuple(buckets[le].value for le in ("0.0001", "0.005", "+Inf"))
    exemplar = buckets["0.005"].exemplar
    assert exemplar is not None
    assert {"trace_id": "a" * 32, "span_id": "b" * 16} == exemplar.labels
    assert (0.004, 1700000000.5) == (exemplar.value, float(exemplar.timestamp or 0))
    assert [one for one in buckets.values() if one.exemplar] == [buckets["0.005"]]


def test_prometheus_text() -> None:
    """
    Who does not ask for OpenMetrics gets the text format of Prometheus, without exemplars.
    """
    content_type, text = exposition(read(counted()))
    assert content_type.startswith("text/plain; version=0.0.4")
    assert b"a" * 32 not in text
    families = {one.name: one for one in prometheus(text.decode())}
    assert {"calls", "open", "sent_bytes", "call_seconds"} == families.keys()
    sums = [one.value for one in families["call_seconds"].samples if one.name.endswith("_sum")]
    assert [99.0071] == sums


def test_label_values_cannot_break_out() -> None:
    """
    A label value with quotes, line breaks and half characters is one value of one line.
    """
    meter = Meter()
    hostile = 'x"} 1\n# EOF\nevil{a="\udc80\\'
    meter.counter("calls_total", "calls", "method").of(hostile).value += 1
    for accept, parse in ((OPEN_METRICS, open_metrics), ("", prometheus)):
        _, text = exposition(read(meter), accept)
        families = list(parse(text.decode()))
        assert ["calls"] == [one.name for one in families]
        (sample,) = families[0].samples
        assert 'x"} 1\\x0a# EOF\\x0aevil{a="\\udc80\\' == sample.labels["method"]
