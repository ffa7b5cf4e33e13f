"""
Metrics as text, for Prometheus and whoever else scrapes.

The text is that of the library ``prometheus_client``, of the numbers that the process counts
anyway: nothing is counted twice, and nothing is kept here. Its global registry is left alone,
so a program that exports metrics of its own through it does so as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as PrometheusExemplar

from rpcfw.spi.runtime.histogram import LATENCY_BUCKETS_S, Histogram
from rpcfw.spi.runtime.metrics import Counter
from rpcfw.spi.runtime.readings import Reading

__all__ = ["exposition"]

_BOUNDS = (*(f"{bound:g}" for bound in LATENCY_BUCKETS_S), "+Inf")


def exposition(readings: Sequence[Reading], accept: str = "") -> tuple[str, bytes]:
    """
    Return the content type and the text of metrics.

    Args:
        readings: the metrics.
        accept: the header Accept of the request. Who asks for OpenMetrics gets it, with
            exemplars; everybody else gets the text format of Prometheus, which has none.
    """
    encode, content_type = choose_encoder(accept)
    return content_type, encode(_Collector(readings))


class _Collector(Collector):
    """
    Hands readings to the library.
    """

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        return map(_metric, self._readings)


def _metric(reading: Reading) -> Metric:
    about = (reading.name, reading.meaning)
    labels, unit = reading.labels, reading.unit
    if reading.kind is Histogram:
        family = HistogramMetricFamily(*about, labels=labels, unit=unit)
        for values, histogram in reading.histograms:
            family.add_metric(values, _buckets(histogram), histogram.total)
        return family
    numbers: CounterMetricFamily | GaugeMetricFamily
    if reading.kind is Counter:
        numbers = CounterMetricFamily(*about, labels=labels, unit=unit)
    else:
        numbers = GaugeMetricFamily(*about, labels=labels, unit=unit)
    for values, number in reading.values:
        numbers.add_metric(values, number)
    return numbers


def _buckets(
    histogram: Histogram,
) -> list[tuple[str, float] | tuple[str, float, PrometheusExemplar]]:
    kept = histogram.exemplars or {}
    buckets: list[tuple[str, float] | tuple[str, float, PrometheusExemplar]] = []
    below = 0
    for index, (bound, count) in enumerate(zip(_BOUNDS, histogram.exported(), strict=True)):
        below += count
        exemplar = kept.get(index)
        if exemplar is None:
            buckets.append((bound, below))
        else:
            # OpenMetrics allows 128 characters of labels; these are 15 with 48 of ids.
            ids = {"trace_id": exemplar.trace_id, "span_id": exemplar.span_id}
            buckets.append((bound, below, PrometheusExemplar(ids, exemplar.value, exemplar.at)))
    return buckets
