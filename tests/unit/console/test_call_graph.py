"""
The picture of who calls whom.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from twisted.internet.task import Clock

from rpcfw.console.call_graph import CallGraph, Edge, call_graph, drawn
from rpcfw.console.fleet import Fleet
from rpcfw.console.inspected import CalledHere, Inspected, InspectedMethod, ProcessFacts
from rpcfw.console.seen_process import SeenProcess
from rpcfw.values.address import Address


def graph(*pairs):
    return CallGraph({pair: Edge({"demo.A"}) for pair in pairs}, 0)


def test_names_of_others_stay_texts():
    """
    Whatever an application is called, the picture has no element and no attribute of it.
    """
    name = '"><script>alert(1)</script>\x1b\u202e'
    picture = drawn(graph((name, "b")))
    assert "<script" not in picture
    assert "\x1b" not in picture
    tree = ET.fromstring(picture)  # noqa: S314  # ours
    assert 2 == len(tree.findall("g"))


def test_callees_are_right_of_callers():
    """
    A chain goes from the left to the right.
    """
    tree = ET.fromstring(drawn(graph(("a", "b"), ("b", "c"), ("a", "c"))))  # noqa: S314
    places = {
        each.find("title").text: int(each.find("rect").get("x")) for each in tree.findall("g")
    }
    assert places["a"] < places["b"] < places["c"]


def test_circles_end():
    """
    Applications that call each other, or themselves, are drawn too.
    """
    tree = ET.fromstring(drawn(graph(("a", "b"), ("b", "a"), ("a", "a"))))  # noqa: S314
    assert 2 == len(tree.findall("g"))
    assert 3 == len(tree.findall("path"))


def test_calls_that_nobody_has_counted_are_not_none():
    """
    How often a process calls is not known before its second answer, nor when it is silent.
    """
    seen = SeenProcess(Address("tcp", "10.0.0.5", 2290))
    shown = []

    def look():
        fleet = Fleet(None, 5.0, 100, Clock(), lambda: None)
        (edge,) = (found := call_graph(fleet, [seen])).edges.values()
        shown.append((edge.counted, edge.calls_per_s, "/s</text>" in drawn(found)))

    for now, ended in ((50.0, 0), (60.0, 100)):
        seen.take(
            Inspected(
                ProcessFacts("id", "shop"),
                [CalledHere("demo.A")],
                [InspectedMethod("client", "demo.A", "say", ended)],
            ),
            now,
        )
        look()
    seen.failed("no answer")
    look()

    assert [(False, 0.0, False), (True, 10.0, True), (False, 0.0, False)] == shown
