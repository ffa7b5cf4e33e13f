"""
What a registry server says of its own copy.
"""

from __future__ import annotations

from rpcfw_registries.standalone.node.replication.freshness import Freshness


class Told:
    """
    What was said at each change.
    """

    def __init__(self):
        self.all = []
        self.freshness = Freshness(0.0, 10.0, self.changed)

    def changed(self):
        self.all.append(self.freshness.behind)


def test_it_joins_when_it_has_compared():
    """
    A server that has just started is behind until its copy has what another has.
    """
    told = Told()
    assert told.freshness.joining
    told.freshness.connection_changed(True, 0.0)
    told.freshness.look(9.0)
    assert told.freshness.joining
    told.freshness.compared()
    assert "" == told.freshness.behind
    assert [""] == told.all


def test_alone_it_waits():
    """
    After a time without a peer it takes what it has for all, and says if it has no bus.
    """
    told = Told()
    told.freshness.connection_changed(True, 0.0)
    told.freshness.look(10.0)
    assert "" == told.freshness.behind
    told = Told()
    told.freshness.look(10.0)
    assert "it is not connected to its bus" == told.freshness.behind


def test_a_comparison_that_fails_keeps_it_behind():
    """
    It has joined after the time, and says that it may lack something while comparisons fail.
    """
    told = Told()
    told.freshness.connection_changed(True, 0.0)
    told.freshness.failed(9.0)
    told.freshness.look(10.0)
    assert not told.freshness.joining
    assert "could not compare its copy" in told.freshness.behind
    told.freshness.failed(14.0)
    told.freshness.look(23.0)
    assert "could not compare its copy" in told.freshness.behind
    told.freshness.look(24.0)
    assert "" == told.freshness.behind
    assert 2 == len(told.all)


def test_a_comparison_that_succeeds_after_failures():
    """
    The copy is whole at once, however many comparisons have failed before.
    """
    told = Told()
    told.freshness.connection_changed(True, 0.0)
    told.freshness.failed(9.0)
    told.freshness.look(10.0)
    told.freshness.compared()
    told.freshness.look(11.0)
    assert "" == told.freshness.behind


def test_without_the_bus_it_is_behind():
    """
    Until the bus is back and it has compared its copy, or waited for a peer.
    """
    told = Told()
    told.freshness.connection_changed(True, 0.0)
    told.freshness.compared()
    told.freshness.connection_changed(False, 20.0)
    told.freshness.compared()
    assert "it is not connected to its bus" == told.freshness.behind
    told.freshness.connection_changed(True, 30.0)
    assert "has not compared its copy since" in told.freshness.behind
    told.freshness.look(39.0)
    assert told.freshness.behind
    told.freshness.look(40.0)
    assert "" == told.freshness.behind
    assert 4 == len(told.all)
