"""
What exporters read.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.runtime.metrics import Counter, Gauge, Histogram, Meter
from rpcfw.spi.runtime.readings import read


def test_a_reading_changes_no_more() -> None:
    """
    What was read stays as it was, whatever is counted afterwards: a thread may format it.
    """
    meter = Meter()
    counter = meter.counter("b_total", "bs", "x").of("1")
    histogram = meter.histogram("a_seconds", "as").of()
    meter.observed_gauge("c", "cs").add(lambda: [((), 7)])
    counter.value, _ = 2, histogram.observe(0.5)

    readings = read(meter)
    counter.value, _ = 3, histogram.observe(0.5)

    assert ["a_seconds", "b_total", "c"] == [one.name for one in readings]
    assert [Histogram, Counter, Gauge] == [one.kind for one in readings]
    assert ((("1",), 2),) == readings[1].values
    assert (((), 7),) == readings[2].values
    ((_, copied),) = readings[0].histograms
    assert (1, 0.5) == (sum(copied.counts), copied.total)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("a_seconds", "seconds"),
        ("a_bytes_total", "bytes"),
        ("a_seconds_total", "seconds"),
        ("a_total", ""),
        ("a_calls", ""),
    ],
)
def test_units(name: str, unit: str) -> None:
    """
    The unit of a metric is the last word of its name.
    """
    meter = Meter()
    meter.gauge(name, "x")
    assert unit == read(meter)[0].unit
