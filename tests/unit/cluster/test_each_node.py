"""
Each node once, and no time lost to find those that were not tried.
"""

from __future__ import annotations

from rpcfw.cluster.each_node import EachNode
from rpcfw.spi.balancer import Picker
from rpcfw.testing.candidates import a_call, candidate


class Learns(Picker):
    """
    Notes what it learns.
    """

    learns = True

    def __init__(self):
        self.noted = []

    def pick(self, call):
        raise AssertionError("not asked")

    def began(self, candidate):
        self.noted.append(candidate)

    def record(self, candidate, outcome):
        self.noted.append(outcome)


def test_each_once():
    """
    It picks the nodes in their order, but for those that the call has tried before, and then none.
    """
    nodes = [candidate(name) for name in "abcd"]
    picker = EachNode(Learns(), nodes)
    call = a_call(tried=(nodes[1],))
    assert [nodes[0], nodes[2], nodes[3], None] == [picker.pick(call) for _ in range(4)]


def test_many_nodes():
    """
    A node is looked at once, however many there are.
    """

    class Looked:
        seen = 0

        def __hash__(self):
            Looked.seen += 1
            return id(self)

    nodes = [Looked() for _ in range(10_000)]
    picker, call = EachNode(Learns(), nodes), a_call()
    assert nodes == [picker.pick(call) for _ in nodes]
    assert Looked.seen <= len(nodes)


def test_the_balancer_learns():
    """
    The balancer's own picker learns of the attempts.
    """
    learns = Learns()
    picker = EachNode(learns, [])
    picker.began("node")
    picker.record("node", "outcome")
    assert picker.learns
    assert ["node", "outcome"] == learns.noted
