"""
Nodes are asked for their load at intervals, a few at a time.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.cluster.load_polls import LoadPolls


class Asked:
    """
    A node, its pool and its only connection.
    """

    def __init__(self, connected=True):
        self.links = self
        self.drivers = (self,) if connected else ()
        self.times = 0

    def ask_load(self):
        self.times += 1


def pass_time(clock, seconds):
    for _ in range(int(seconds * 100)):
        clock.advance(0.01)


def test_each_once_in_an_interval():
    """
    Each connected node is asked once in an interval, and they are not all asked at once.
    """
    clock, nodes = Clock(), [Asked() for _ in range(25)]
    polls = LoadPolls(clock, nodes)
    polls.use(5.0)
    pass_time(clock, 2.6)
    assert 10 <= sum(node.times for node in nodes) <= 16

    pass_time(clock, 2.6)
    assert [1] * 25 == [node.times for node in nodes]
    polls.stop()


def test_who_is_not_connected_is_left_out():
    """
    A node without a connection is not connected for a question.
    """
    clock, nodes = Clock(), [Asked(connected=False), Asked()]
    polls = LoadPolls(clock, nodes)
    polls.use(1.0)
    pass_time(clock, 2.05)

    assert [0, 2] == [node.times for node in nodes]
    polls.stop()


def test_the_interval_changes():
    """
    Another interval counts at once, and with 0 nobody is asked; no timer is left.
    """
    clock, nodes = Clock(), [Asked()]
    polls = LoadPolls(clock, nodes)
    polls.use(60.0)
    polls.use(1.0)
    pass_time(clock, 3.05)
    assert 3 == nodes[0].times

    polls.use(0.0)
    pass_time(clock, 3)
    assert 3 == nodes[0].times
    assert [] == clock.getDelayedCalls()
