"""
Reports of probers: what they say, and what they have space for.
"""

from __future__ import annotations

import pytest

from rpcfw.values.probe_report import (
    MAX_REPORT_BYTES,
    ProbeReport,
    Reach,
    report_from_json,
    report_to_json,
)

REACHED, NOT_REACHED, UNKNOWN = Reach


def a_report(unreached, watches=("*",), max_named=100):
    return ProbeReport.bounded(watches, 90, unreached, max_named)


def nodes(count, prefix="id"):
    return {f"{prefix}-{number:04}": f"tcp:10.0.0.1:{number + 1}" for number in range(count)}


def test_a_node_that_is_named():
    """
    A node is not reached if it is named with its address, and all others are reached.
    """
    report = a_report({"demo.Shop": {"a": "tcp:h:1"}})
    assert NOT_REACHED is report.says("demo.Shop", "a", "tcp:h:1")
    assert REACHED is report.says("demo.Shop", "b", "tcp:h:1")
    assert REACHED is report.says("demo.Cart", "a", "tcp:h:1")


def test_another_address():
    """
    A report about the id at another address says nothing.
    """
    report = a_report({"demo.Shop": {"a": "tcp:h:1"}})
    assert UNKNOWN is report.says("demo.Shop", "a", "tcp:h:2")


def test_a_service_that_is_not_watched():
    """
    A prober says nothing of a service that it does not probe.
    """
    report = a_report({"demo.Shop": {"a": "tcp:h:1"}}, watches=("demo.Shop",))
    assert UNKNOWN is report.says("demo.Cart", "a", "tcp:h:1")
    assert REACHED is report.says("demo.Shop", "b", "tcp:h:1")


def test_more_nodes_than_are_named():
    """
    Beyond the last id that is named, nothing is known; before it, everything is.
    """
    report = a_report({"demo.Shop": nodes(10)}, max_named=3)
    assert NOT_REACHED is report.says("demo.Shop", "id-0002", "tcp:10.0.0.1:3")
    assert UNKNOWN is report.says("demo.Shop", "id-0003", "tcp:10.0.0.1:4")
    assert REACHED is report.says("demo.Shop", "id-0001a", "tcp:h:1")
    assert 10 == report.services["demo.Shop"].count


def test_more_services_than_fit():
    """
    Beyond the last service that fits, nothing is known.
    """
    report = a_report({f"demo.S{number:04}": nodes(1) for number in range(1000)})
    assert report.more
    assert REACHED is report.says("demo.A", "a", "tcp:h:1")
    assert UNKNOWN is report.says("demo.Z", "a", "tcp:h:1")


@pytest.mark.parametrize("prefix", ["id", "服务", '"', "\\"])
@pytest.mark.parametrize(("services", "count"), [(1, 0), (1, 5000), (500, 3), (20, 1000)])
def test_its_size(services, count, prefix):
    """
    Whatever is unreached, the text is not too long, and is read as what was written.
    """
    report = a_report({f"demo.S{n}": nodes(count, prefix) for n in range(services)}, max_named=5000)
    text = report_to_json(report)
    assert len(text.encode()) <= MAX_REPORT_BYTES
    assert report == report_from_json(text)


def test_a_newer_report():
    """
    What a newer prober adds is skipped.
    """
    text = '{"watches": ["*"], "reached_percent": 7, "since": 3}'
    assert ProbeReport(("*",), 7, {}) == report_from_json(text)


@pytest.mark.parametrize(("percent", "believed"), [(49, False), (50, True)])
def test_half_is_enough(percent, believed):
    """
    A prober that reaches half of the addresses is believed.
    """
    assert believed is ProbeReport(("*",), percent, {}).believed
