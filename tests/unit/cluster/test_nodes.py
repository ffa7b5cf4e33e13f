"""
The live set: what an update makes, keeps and lets go.
"""

from __future__ import annotations

from random import Random

import pytest
from attrs import evolve

from rpcfw.cluster.nodes import Nodes
from rpcfw.errors import Cancelled
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.transport.pool.link import LinkState
from rpcfw.values.address import Address


class StillLinks:
    """
    Links of which the test sees what was asked.
    """

    def __init__(self, address, protocol, changed):
        self.address = address
        self.protocol = protocol
        self.kept = False
        self.failed = False
        self.saturated = False
        self.state = LinkState.IDLE
        self.drivers = ()
        self.asked = []

    def keep(self):
        self.kept = True
        self.asked.append("keep")

    def drain(self, reason):
        self.asked.append("drain")

    def refuse(self, error):
        self.asked.append(f"refuse: {error.message}")

    def close(self, reason):
        self.asked.append(f"close: {reason}")


class World:
    """
    Nodes, with the links that they made.
    """

    def __init__(self, max_kept=64):
        self.links = []
        self.changes = 0
        self.prepared = 0
        self.nodes = Nodes(
            ("grpc", "native"),
            self._make_links,
            self._prepare,
            set,
            self._changed,
            lambda node: None,
            max_kept,
        )

    def _make_links(self, *arguments):
        self.links.append(StillLinks(*arguments))
        return self.links[-1]

    def _prepare(self, node):
        self.prepared += 1

    def _changed(self):
        self.changes += 1


@pytest.fixture
def world():
    return World()


def instances(count):
    return [an_instance(id=f"i{n}", address=Address("memory", f"i{n}")) for n in range(count)]


def test_an_update_costs_what_has_changed(world):
    """
    Among ten thousand instances one change makes one link and touches no other.
    """
    many = instances(10_000)
    world.nodes.update(many)
    assert (10_000, 10_000, 1) == (len(world.links), world.prepared, world.changes)
    before = list(world.nodes)
    one = an_instance(id="new", address=Address("memory", "new"))
    world.nodes.update([*many[1:], one])
    assert (10_001, 10_001, 2) == (len(world.links), world.prepared, world.changes)
    assert before[1:] == list(world.nodes)[:-1]
    assert ["keep", "drain"] == world.links[0].asked
    assert all(link.asked in ([], ["keep"]) for link in world.links[1:])
    assert 64 == sum(node.links.kept for node in world.nodes)


def test_so_many_are_kept_connected():
    """
    Only the first links are kept; the others wait for calls.
    """
    world = World(max_kept=3)
    world.nodes.update(instances(10))
    assert [True] * 3 + [False] * 7 == [link.kept for link in world.links]


def test_the_number_of_kept_links_holds():
    """
    However instances come and go, as many are kept connected as were asked for.
    """
    world = World(max_kept=4)
    random = Random(1)
    everyone = instances(20)
    for _ in range(200):
        here = random.sample(everyone, random.randrange(20))
        world.nodes.update(here)
        assert min(4, len(here)) == sum(node.links.kept for node in world.nodes)


def test_ready_ones_are_kept_first():
    """
    A place among the kept goes to a node that is connected already.
    """
    world = World(max_kept=1)
    many = instances(5)
    world.nodes.update(many)
    world.links[3].state = LinkState.READY
    world.nodes.update(many[1:])
    assert [False, False, True, False] == [node.links.kept for node in world.nodes]


def test_a_changed_weight_keeps_the_node(world):
    """
    What changes of an instance at its place is taken over by its node.
    """
    (one,) = instances(1)
    world.nodes.update([one])
    (node,) = world.nodes
    world.nodes.update([evolve(one, weight=7, tags={"a": "b"})])
    assert [node] == list(world.nodes)
    assert (7, {"a": "b"}) == (node.weight, node.instance.tags)
    assert 1 == len(world.links)


@pytest.mark.parametrize(
    "moved", [{"address": Address("memory", "other")}, {"protocols": ("grpc",)}]
)
def test_a_moved_instance_is_a_new_node(world, moved):
    """
    An instance at another place, or on another wire, gets a link of its own.
    """
    (one,) = instances(1)
    world.nodes.update([one])
    world.nodes.update([evolve(one, **moved)])
    assert 2 == len(world.links)
    assert ["keep", "drain"] == world.links[0].asked


def test_the_clients_first_wire_wins(world):
    """
    Of the wires that an instance speaks the client's best is taken; none is no node.
    """
    (one,) = instances(1)
    world.nodes.update(
        [evolve(one, protocols=("native", "grpc")), evolve(one, id="x", protocols=("martian",))]
    )
    assert ["grpc"] == [link.protocol for link in world.links]


def test_two_at_one_address(world):
    """
    Instances that share an address are two nodes.
    """
    (one,) = instances(1)
    world.nodes.update([one, evolve(one, id="other")])
    assert 2 == len(world.nodes)
    world.nodes.update([one])
    assert [["keep"], ["keep", "drain"]] == [link.asked for link in world.links]


def test_a_close(world):
    """
    A close lets go of every link, and tells the routes.
    """
    world.nodes.update(instances(2))
    world.nodes.close(Cancelled("stopping"))
    for link in world.links:
        assert ["keep", "refuse: stopping", "close: stopping"] == link.asked
    assert (0, 2) == (len(world.nodes), world.changes)


def test_instances_that_speak_another_wire(world):
    """
    Why instances that are known are no nodes is said, in bounded text, until they are gone.
    """
    assert "" == world.nodes.why_none
    wires = tuple(f"wire{number}" for number in range(100))
    stranger = an_instance(id="other", address=Address("memory", "other"), protocols=wires)
    for _ in range(2):
        world.nodes.update([stranger])
        assert 0 == len(world.nodes)
        why = world.nodes.why_none
        assert why.startswith("1 known, and they speak wire0, wire1,")
        assert "where this client speaks grpc, native; set [client] protocols" in why
        assert len(why) < 300
    world.nodes.update(instances(1))
    assert "" == world.nodes.why_none
