"""
Metrics in the form that OpenTelemetry's exporters send.

Everything is cumulative, from the start of the process: an export that was lost is made good by
the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from rpcfw.spi.runtime import histogram, metrics
from rpcfw.spi.runtime.readings import Reading

__all__ = ["otlp_metrics"]

_CUMULATIVE = AggregationTemporality.CUMULATIVE
#: OpenTelemetry names units by UCUM.
_UNITS = {"seconds": "s", "bytes": "By", "": "1"}


def otlp_metrics(
    readings: Iterable[Reading], resource: Resource, began_at: float, now: float
) -> MetricsData:
    """
    Return the metrics as they are sent.

    Args:
        readings: the metrics.
        resource: whose they are.
        began_at: when the process began to count, in seconds since 1970.
        now: when they were read.
    """
    times = (_nanoseconds(began_at), _nanoseconds(now))
    # A metric without a series has nothing to say.
    sent = [_metric(each, times) for each in readings if each.values or each.histograms]
    scope = ScopeMetrics(InstrumentationScope("rpcfw"), sent, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(reading: Reading, times: tuple[int, int]) -> Metric:
    data: Sum | Gauge | Histogram
    if reading.kind is metrics.Histogram:
        data = Histogram(
            [
                _distribution(_attributes(reading, values), each, times)
                for values, each in reading.histograms
            ],
            _CUMULATIVE,
        )
    else:
        points = [
            NumberDataPoint(_attributes(reading, values), *times, number)
            for values, number in reading.values
        ]
        is_sum = reading.kind is metrics.Counter
        data = Sum(points, _CUMULATIVE, is_monotonic=True) if is_sum else Gauge(points)
    return Metric(reading.name, reading.meaning, _UNITS[reading.unit], data)


def _distribution(
    attributes: dict[str, str], counted: histogram.Histogram, times: tuple[int, int]
) -> HistogramDataPoint:
    unknown: Any = None  # the fields are optional in OTLP, though not in the annotation
    counts = counted.exported()
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=times[0],
        time_unix_nano=times[1],
        count=sum(counts),
        sum=counted.total,
        bucket_counts=counts,
        explicit_bounds=histogram.LATENCY_BUCKETS_S,
        min=unknown,
        max=unknown,
        exemplars=[_exemplar(each) for each in (counted.exemplars or {}).values()],
    )


def _exemplar(kept: histogram.Exemplar) -> Exemplar:
    ids = (int(kept.span_id, 16), int(kept.trace_id, 16))
    return Exemplar({}, kept.value, _nanoseconds(kept.at), *ids)


def _attributes(reading: Reading, values: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(reading.labels, values, strict=True))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
