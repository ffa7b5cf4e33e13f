"""
Which nodes are held to be dead, by the reports of several probers.
"""

from __future__ import annotations

from rpcfw.cluster.health.prober_reports import MAX_PROBERS, ProberReports
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.probe_report import PROBER_SERVICE, REPORT_TAG, ProbeReport, report_to_json

SHOP = "demo.Shop"


def a_prober(name, *unreached, percent=90, watches=("*",)):
    """
    Return a prober that does not reach these ids, each at an address of that name.
    """
    nodes = {SHOP: {id: f"tcp:{id}:1" for id in unreached}}
    text = report_to_json(ProbeReport.bounded(watches, percent, nodes, 100))
    return Instance(PROBER_SERVICE, name, Address("tcp", name, 1), (), tags={REPORT_TAG: text})


def opinion(reports, id="a"):
    return reports.opinion(SHOP, id, f"tcp:{id}:1")


def dead(reports, ids="abcdefgh"):
    return {id for id, _ in reports.dead(SHOP, [(id, f"tcp:{id}:1") for id in ids])}


def test_no_prober():
    """
    Without probers nothing is said, and nobody is dead.
    """
    reports = ProberReports()
    assert set() == dead(reports)
    assert "" == str(opinion(reports))


def test_all_agree():
    """
    A node is dead that each prober names, and only that one.
    """
    reports = ProberReports([a_prober("east", "a", "b"), a_prober("west", "a")])
    assert {"a"} == dead(reports)
    assert "0 of 2 probers reach it" == str(opinion(reports))
    assert "1 of 2 probers reach it" == str(opinion(reports, "b"))


def test_who_is_cut_off_is_not_believed():
    """
    What a prober that is cut off does not reach counts for nothing.
    """
    reports = ProberReports([a_prober("east", "a", percent=49)])
    assert set() == dead(reports)
    assert (0, 1) == (reports.believed, reports.cut_off)
    assert "no prober says anything (1 cut off, not believed)" == str(opinion(reports))


def test_what_the_cut_off_reaches_is_alive():
    """
    A node that even a prober reaches that is cut off is alive.
    """
    reports = ProberReports([a_prober("east", "a"), a_prober("west", "b", percent=1)])
    assert set() == dead(reports)


def test_a_prober_of_other_services():
    """
    A prober that does not probe the service has no say about it.
    """
    reports = ProberReports([a_prober("east", "a"), a_prober("west", watches=("demo.Cart",))])
    assert {"a"} == dead(reports)


def test_too_many_probers():
    """
    The reports of some are read, always of the same ones.
    """
    probers = [a_prober(f"p{number:03}", "a") for number in range(MAX_PROBERS)]
    more = [a_prober(f"z{number}") for number in range(3)]
    reports = ProberReports([*more, *probers])
    assert 3 == reports.ignored
    assert {"a"} == dead(reports)


def test_an_unreadable_report():
    """
    A prober without a report is named with the reason, and the others count.
    """
    bare = Instance(PROBER_SERVICE, "bare", Address("tcp", "h", 1), ())
    reports = ProberReports([bare, a_prober("east", "a")])
    assert ["bare"] == [*reports.unreadable]
    assert {"a"} == dead(reports)
