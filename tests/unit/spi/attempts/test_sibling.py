"""
Copies of a call that share what was tried.
"""

from __future__ import annotations

from attrs import evolve

from rpcfw.spi.attempts.sibling import SiblingCall, Siblings
from rpcfw.testing.contracts.attempts import a_timed_call


class Route:
    """
    Counts how often a route of its own is asked for.
    """

    def __init__(self):
        self.made = []

    def to_each(self):
        self.made.append(object())
        return self.made[-1]


def test_a_copy_is_like_the_call():
    """
    A copy has what its caller gave, and nothing of how the call went.
    """
    call = a_timed_call()
    call.compression, call.caller, call.peer = "gzip", "app", "somebody"
    copy = SiblingCall.of(call, Siblings())
    for name in ("method", "request", "metadata", "deadline", "caller", "compression"):
        assert getattr(call, name) == getattr(copy, name)
    assert ("", ()) == (copy.peer, copy.tried)


def test_tried_is_shared():
    """
    What one copy has tried, the others have tried, too.
    """
    siblings = Siblings()
    first, second = (SiblingCall.of(a_timed_call(), siblings) for _ in range(2))
    first.tried += ("a",)
    second.tried += ("b",)
    assert ("a", "b") == first.tried == second.tried


def test_a_copy_of_a_copy():
    """
    A filter may copy a call; then its copy goes its own way.
    """
    copy = SiblingCall.of(a_timed_call(), Siblings())
    copy.tried += ("a",)
    own = evolve(copy, request="another")
    own.tried += ("b",)
    assert (("a",), ("a", "b")) == (copy.tried, own.tried)


def test_copies_for_all_nodes_have_one_route():
    """
    Copies that go to all nodes have a route for that in common, until there is a new one.
    """
    siblings, route, later = Siblings(to_all=True), Route(), Route()
    first, second = (SiblingCall.of(a_timed_call(), siblings) for _ in range(2))
    assert first.route is None
    first.route = route
    second.route = route
    assert [first.route] == [second.route] == route.made
    second.route = later
    assert [second.route] == later.made
    assert first.once_per_node


def test_other_copies_have_the_shared_route():
    """
    Copies that do not go to all nodes have the route that they are given.
    """
    copy, route = SiblingCall.of(a_timed_call(), Siblings(once_per_node=True)), Route()
    copy.route = route
    assert copy.route is route
