"""
What is counted.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.runtime.metrics import OTHER, Counter, Gauge, Histogram, Meter


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


def test_a_limit_of_members() -> None:
    """
    Members beyond the limit are one, `other`; that is reported once for a family.
    """
    reported: list[tuple[str, int]] = []
    meter = Meter(2, lambda *full: reported.append(full))
    family = meter.counter("a_total", "a", "x", "y")
    for number in range(100):
        family.of(str(number), "z").value += 1

    counts = {labels: one.value for labels, one in family}
    assert {("0", "z"): 1, ("1", "z"): 1, (OTHER, OTHER): 98} == counts
    assert [("a_total", 2)] == reported


def test_label_values_are_safe() -> None:
    """
    A label value that would break a line, or is long, is shown escaped and cut; it is counted.
    """
    family = Meter().counter("a_total", "a", "x")
    family.of("new\nline").value += 1
    family.of("new\nline").value += 1
    family.of("x" * 10_000).value += 1

    assert {("new\\x0aline",): 2, ("x" * 200,): 1} == {labels: one.value for labels, one in family}


class TestObserved:
    """
    Families whose values are looked up when they are read.
    """

    def test_sources_are_added_up(self) -> None:
        """
        What several sources say with the same labels is added up; a removed one says no more.
        """
        gauge = Meter().observed_gauge("open", "open ones", "side")
        gauge.add(lambda: [(("a",), 1), (("b",), 2)])
        remove = gauge.add(lambda: [(("a",), 10)])

        assert {("a",): 11, ("b",): 2} == {labels: one.value for labels, one in gauge}
        remove()
        remove()
        assert {("a",): 1, ("b",): 2} == {labels: one.value for labels, one in gauge}

    def test_a_limit_of_members(self) -> None:
        """
        They have the limit of all families, reported once, not at each reading.
        """
        reported: list[tuple[str, int]] = []
        gauge = Meter(2, lambda *full: reported.append(full)).observed_gauge(
            "open", "open ones", "side"
        )
        gauge.add(lambda: [((str(number),), 1) for number in range(10)])

        for _ in range(3):
            counts = {labels: one.value for labels, one in gauge}
        assert {("0",): 1, ("1",): 1, (OTHER,): 8} == counts
        assert [("open", 2)] == reported

    def test_declared_otherwise(self) -> None:
        """
        One name cannot be counted and looked up.
        """
        meter = Meter()
        meter.gauge("a", "a")
        with pytest.raises(ValueError, match="declared before"):
            meter.observed_gauge("a", "a")
