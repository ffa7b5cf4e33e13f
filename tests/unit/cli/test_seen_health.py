"""
What commands show of the health of instances.
"""

from __future__ import annotations

from rpcfw.cli.seen_health import report_in_words
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.probe_report import PROBER_SERVICE, REPORT_TAG, ProbeReport, report_to_json


def prober(text):
    address = Address("tcp", "host", 1)
    return Instance(PROBER_SERVICE, "north-1f", address, (), weight=0, tags={REPORT_TAG: text})


def test_probers_of_one_host_can_be_told_apart():
    """
    All of them have the same address, so the words name the prober.
    """
    nodes = {"demo.Shop": {"a": "tcp:10.0.0.7:2200"}}
    report = ProbeReport.bounded((), 50, nodes, max_named=100)
    assert "north-1f reaches 50%, 1 node not" == report_in_words(prober(report_to_json(report)))
    whole = ProbeReport.bounded((), 100, {}, max_named=100)
    assert "north-1f reaches 100%, 0 nodes not" == report_in_words(prober(report_to_json(whole)))


def test_a_report_that_cannot_be_read():
    """
    The words say which prober wrote it.
    """
    assert report_in_words(prober("{")).startswith("north-1f: unreadable: ")
