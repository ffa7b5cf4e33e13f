"""
Warm-up: the weights of nodes that have just started.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.cluster.node import Node
from rpcfw.cluster.warm_up import WarmUp
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context

#: The client's time of day when its clock is at 0.
TODAY = 1_700_000_000.0


class World:
    def __init__(self, duration_s=100.0):
        self.clock = Clock()
        self.changes = 0
        context = plugin_context(self.clock, time_of_day=lambda: TODAY + self.clock.seconds())
        self.count = context.meter.gauge(
            "rpcfw_client_nodes_warming_up",
            "nodes whose weight still grows after their start",
            "service",
        ).of("demo.Shop")
        self.warm_up = WarmUp("demo.Shop", duration_s, context, self._changed)

    def _changed(self):
        self.changes += 1


def node(started_at, weight=100):
    return Node(evolve(an_instance(weight=weight), started_at=started_at), None)


def weights(world, cold, at):
    """
    Return the weight of a node at each of these times.
    """
    found = []
    for time in at:
        while world.clock.seconds() < time:
            world.clock.advance(1)
        found.append(cold.weight)
    return found


def test_a_new_node():
    """
    The weight grows evenly over the duration, in twenty steps.
    """
    world, cold = World(), node(TODAY)
    world.warm_up.weigh([cold])

    assert [5, 25, 50, 95, 100, 100] == weights(world, cold, [0, 25, 50, 95, 100, 500])
    assert 20 == world.changes
    assert not world.clock.getDelayedCalls()


@pytest.mark.parametrize(
    ("started_at", "expected"),
    [
        (TODAY - 40, [40, 90, 100]),
        (TODAY - 3600, [100, 100, 100]),
        (0.0, [100, 100, 100]),
        (-5.0, [100, 100, 100]),
        (1e300, [5, 50, 100]),
    ],
    ids=["older than the client", "warm", "unknown", "before 1970", "in the far future"],
)
def test_what_the_provider_says(started_at, expected):
    """
    A node is as old as its instance says, and at least as this client has known it.
    """
    world, cold = World(), node(started_at)
    world.warm_up.weigh([cold])

    assert expected == weights(world, cold, [0, 50, 100])


@pytest.mark.parametrize(
    ("weight", "expected"), [(0, [0, 0, 0]), (1, [1, 1, 1]), (30, [1, 15, 30])]
)
def test_weights_that_are_small(weight, expected):
    """
    A drained node stays drained, and no other node is drained by its warm-up.
    """
    world, cold = World(), node(TODAY, weight)
    world.warm_up.weigh([cold])

    assert expected == weights(world, cold, [0, 50, 100])


def test_an_update_begins_no_new_warm_up():
    """
    A node whose instance gets another weight goes on where it was.
    """
    world, cold = World(), node(TODAY)
    world.warm_up.weigh([cold])
    weights(world, cold, [50])
    cold.update(evolve(cold.instance, weight=200, started_at=TODAY + 50))
    world.warm_up.weigh([cold])

    assert [100, 190, 200] == weights(world, cold, [50, 95, 100])


def test_a_node_that_is_gone():
    """
    When no node is left that is warmed up, nothing is due any more; so it is after a stop.
    """
    world = World()
    world.warm_up.weigh([node(TODAY)])
    world.warm_up.weigh([])
    assert not world.clock.getDelayedCalls()

    world.warm_up.weigh([node(TODAY)])
    world.warm_up.stop()
    assert not world.clock.getDelayedCalls()


def test_none():
    """
    Without a duration every node has its weight at once.
    """
    world, cold = World(duration_s=0.0), node(TODAY)
    world.warm_up.weigh([cold])

    assert 100 == cold.weight
    assert not world.clock.getDelayedCalls()


def test_a_warm_up_is_seen():
    """
    Its beginning and its end are log lines, and a metric counts the nodes until then.
    """
    world, cold, old = World(), node(TODAY), node(TODAY - 500)
    with capturedLogs() as logged:
        world.warm_up.weigh([cold, old])
        assert 1 == world.count.value
        weights(world, cold, [101])
    assert 0 == world.count.value
    lines = [formatEvent(event) for event in logged]
    assert 2 == len(lines)
    assert lines[0].endswith("warms up for 100 s")
    assert lines[1].endswith("is warm: its weight is 100")
