"""
The picture of who calls whom.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from rpcfw.console.call_graph import CallGraph, Edge, drawn


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
