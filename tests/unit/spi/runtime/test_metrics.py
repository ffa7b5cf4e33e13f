"""
What is counted.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.runtime.metrics import LATENCY_BUCKETS_S, Counter, Gauge, Histogram, Meter


def test_the_same_member_each_time():
    """
    The same label values are the same number, others another.
    """
    calls = Meter().counter("calls_total", "calls", "method")
    calls.of("say").value += 1
    calls.of("say").value += 1
    calls.of("go").value += 1

    assert [(("say",), 2), (("go",), 1)] == [(labels, one.value) for labels, one in calls]


def test_declared_twice():
    """
    A family that two parts declare alike is one family.
    """
    meter = Meter()
    meter.counter("a_total", "a").of().value += 1
    meter.counter("a_total", "a").of().value += 1

    assert meter.counter("a_total", "a").of().value == 2
    assert len(list(meter)) == 1


@pytest.mark.parametrize(
    "declare",
    [
        lambda meter: meter.gauge("a", "a", "x"),
        lambda meter: meter.counter("a", "a"),
        lambda meter: meter.counter("a", "a", "y"),
    ],
)
def test_declared_otherwise(declare):
    """
    One name for two things is a mistake, told at once.
    """
    meter = Meter()
    meter.counter("a", "a", "x")

    with pytest.raises(ValueError, match="declared before"):
        declare(meter)


def test_wrong_labels():
    """
    A member has as many label values as its family has labels.
    """
    family = Meter().gauge("a", "a", "x", "y")

    with pytest.raises(ValueError, match="takes the labels"):
        family.of("only one")


def test_a_histogram():
    """
    A value falls under the first bound that it does not exceed, or above all of them.
    """
    histogram = Histogram()
    for value in (0.0, LATENCY_BUCKETS_S[0], 0.0002, LATENCY_BUCKETS_S[-1], 1e9):
        histogram.observe(value)

    assert (2, 1) == (histogram.counts[0], histogram.counts[1])
    assert (1, 1) == (histogram.counts[-2], histogram.counts[-1])
    assert sum(histogram.counts) == 5
    assert len(histogram.counts) == len(LATENCY_BUCKETS_S) + 1
    assert list(LATENCY_BUCKETS_S) == sorted(LATENCY_BUCKETS_S)


def test_families_know_what_they_are():
    """
    An exporter sees each family's kind, name, meaning and labels.
    """
    meter = Meter()
    meter.counter("a_total", "as", "x")
    meter.gauge("b", "bs")
    meter.histogram("c_seconds", "cs")

    assert [
        (Counter, "a_total", "as", ("x",)),
        (Gauge, "b", "bs", ()),
        (Histogram, "c_seconds", "cs", ()),
    ] == [(one.kind, one.name, one.meaning, one.labels) for one in meter]


def test_members_may_come_while_they_are_read():
    """
    A member or a family that comes during an export does not break it.
    """
    meter = Meter()
    family = meter.counter("a_total", "a", "x")
    family.of("1")
    for number, _ in enumerate(family):
        family.of(f"new {number}")
    for number, _ in enumerate(meter):
        meter.gauge(f"b_{number}", "b")

    assert (2, 2) == (len(list(family)), len(list(meter)))
