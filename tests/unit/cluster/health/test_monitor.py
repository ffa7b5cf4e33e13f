"""
What the monitor makes of what it finds, with nodes of which the test says everything.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from rpcfw.cluster.health.monitor import HealthMonitor
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.probed_nodes import ProbedNodes
from rpcfw.cluster.health.reports import HealthReports
from rpcfw.cluster.node import Node
from rpcfw.errors import Unavailable, Unimplemented
from rpcfw.kernel.settings import options_of
from rpcfw.spi.events import MessageReceived
from rpcfw.spi.inspection import Calls
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.transport.pool.link import LinkState
from rpcfw.values.node_health import NodeHealth

HEALTHY, SUB_HEALTHY, DEAD = NodeHealth


class Driver:
    """
    A connection on which every ping is answered, until it is frozen.
    """

    def __init__(self, clock):
        self.clock = clock
        self.frozen_at = inf
        self.aborted = []
        self.cancelled = []
        self.begun = self.failed = 0
        self.listeners = {}
        self.watches = []

    @property
    def alive_at(self):
        return min(self.frozen_at, self.clock.seconds())

    def freeze(self):
        """
        Have a call open that is never answered.
        """
        self.frozen_at = self.clock.seconds()
        self.begun += 1
        self.listeners[self.begun] = None

    def ping(self):
        pass

    def delivery(self):
        return SimpleNamespace(progresses=lambda: False)

    def abort(self, reason):
        self.aborted.append(reason)

    def request(self, head, body, encoding, listener):
        self.watches.append(listener)
        return 1

    def consumed(self, call_id, cost, size):
        pass

    def cancel(self, call_id):
        self.cancelled.append(call_id)


class Links(SimpleNamespace):
    """
    The connections to a node: one, or none.
    """

    def __init__(self, clock):
        super().__init__(
            state=LinkState.READY,
            drivers=(Driver(clock),),
            past=Calls(),
            failed=False,
            lost=False,
            saturated=False,
            pings_limited=False,
            reason="gone",
            retried=[],
        )
        self.clock = clock

    @property
    def connections(self):
        return tuple((driver, 0.0) for driver in self.drivers)

    def retry(self):
        self.retried.append(self.clock.seconds())


class Log:
    def __init__(self):
        self.lines = []

    def warn_of(self, kind, text, **fields):
        self.lines.append(text.format(**fields))

    note_of = warn_of


class World:
    def __init__(self, count, probes=None, **options):
        self.clock = Clock()
        self.log = Log()
        self.changes = 0
        reports = HealthReports("demo.Shop", Meter(), self.log)
        made = options_of(HealthOptions, **options)
        probed = ProbedNodes("demo.Shop", probes, Meter())
        self.monitor = HealthMonitor("demo.Shop", made, self.clock, reports, probed, self.changed)
        self.nodes = [Node(an_instance(id=f"i{n}"), Links(self.clock)) for n in range(count)]
        self.monitor.watch(self.nodes)
        for node in self.nodes:
            self.monitor.links_changed(node)

    def changed(self):
        self.changes += 1

    def advance(self, seconds):
        for _ in range(round(seconds / 0.125)):
            self.clock.advance(0.125)

    def calls(self, count, **failures):
        """
        Have so many calls at each node, and at some of them so many that fail.
        """
        for node in self.nodes:
            node.links.drivers[0].begun += count
            node.failures += failures.get(node.instance.id, 0)

    def lose(self, node):
        """
        Have a connection that is lost, and another one that is refused.
        """
        links = node.links
        links.state, links.lost, links.failed, drivers = (
            LinkState.WAITING,
            True,
            True,
            links.drivers,
        )
        links.drivers = ()
        self.monitor.links_changed(node)
        return drivers

    def freeze(self, nodes):
        for node in nodes:
            node.in_flight = 1
            node.links.drivers[0].freeze()

    @property
    def states(self):
        return [node.health for node in self.nodes]


def test_calls_that_succeed_change_nothing():
    """
    Routes are not computed again for what is healthy.
    """
    world = World(3)
    for _ in range(20):
        world.calls(100)
        world.advance(1)
    assert 0 == world.changes
    assert [HEALTHY] * 3 == world.states


def test_only_a_share_is_ejected():
    """
    The worst are ejected first, and no more than the share.
    """
    world = World(10, max_ejected="20%", deviations="0")
    for _ in range(3):
        world.calls(100, i0=30, i1=90, i2=60, i3=20)
        world.advance(1)
    assert [1, 2] == [n for n, state in enumerate(world.states) if state is SUB_HEALTHY]
    assert 2 == world.changes


def test_exactly_the_share_is_ejected():
    """
    29 % of 100 nodes are 29: as floats, 0.29 x 100 is less.
    """
    world = World(100, max_ejected="29%", deviations="0")
    for _ in range(3):
        world.calls(100, **{f"i{number}": 90 for number in range(40)})
        world.advance(1)
    assert 29 == world.states.count(SUB_HEALTHY)


def test_why_it_stays_sub_healthy():
    """
    The reason of a node that is sub-healthy is what was found last, not what made it so.
    """
    world = World(2, watch="yes")
    one = world.nodes[0]
    (watch,) = one.links.drivers[0].watches
    for _ in range(3):
        world.calls(100, i0=90)
        world.advance(1)
    assert "calls failed" in world.monitor.reason(one)

    watch.message(MessageReceived(1, b"\x08\x02", "", 2))
    assert "it says that it does not serve" == world.monitor.reason(one)

    one.links.drivers[0].freeze()
    world.advance(1.5)
    assert "heartbeats in a row" in world.monitor.reason(one)


def test_an_ejection_ends_early():
    """
    A node that gets calls nevertheless, and answers them, does not serve its time.
    """
    world = World(2, ejection_time="100s")
    for _ in range(3):
        world.calls(100, i0=50)
        world.advance(1)
    assert [SUB_HEALTHY, HEALTHY] == world.states
    for _ in range(12):
        world.calls(100)
        world.advance(1)
    assert [HEALTHY, HEALTHY] == world.states


def test_a_new_connection_is_a_new_start():
    """
    A node that died while it was ejected is healthy soon after it is connected again.
    """
    world = World(2, ejection_time="100s")
    one = world.nodes[0]
    for _ in range(3):
        world.calls(100, i0=50)
        world.advance(1)
    assert [SUB_HEALTHY, HEALTHY] == world.states
    world.lose(one)
    assert [DEAD, HEALTHY] == world.states

    one.links.state, one.links.failed = LinkState.READY, False
    one.links.drivers = (Driver(world.clock),)
    world.monitor.links_changed(one)
    assert [SUB_HEALTHY, HEALTHY] == world.states
    world.advance(2)
    assert [HEALTHY, HEALTHY] == world.states


def test_a_pause_of_this_process():
    """
    No node is given up for the time in which this process itself stood still.
    """
    world = World(2)
    world.nodes[0].in_flight = 1
    world.nodes[0].links.drivers[0].freeze()
    world.advance(0.5)
    world.clock.advance(5)
    assert [HEALTHY, HEALTHY] == world.states
    world.advance(3)
    assert [DEAD, HEALTHY] == world.states


def test_the_dead_are_connected_to():
    """
    Those that were connected before, each ``retry_delay`` at first.
    """
    world = World(2, retry_delay="5s")
    world.lose(world.nodes[0])
    assert [DEAD, HEALTHY] == world.states
    world.advance(4)
    assert [] == world.nodes[0].links.retried
    world.advance(2.5)
    assert 1 <= len(world.nodes[0].links.retried) <= 2


def test_few_at_a_time():
    """
    However many are dead, eight are connected to at a time, those that died last first.
    """
    world = World(20, retry_delay="5s")
    for node in world.nodes[1:]:
        world.lose(node)
        world.advance(1)
    for node in world.nodes:
        node.links.retried.clear()
    world.nodes[1].links.state = LinkState.CONNECTING
    world.advance(1)
    retried = [n for n, node in enumerate(world.nodes) if node.links.retried]
    # Those after them died less than five seconds ago.
    assert [9, 10, 11, 12, 13, 14, 15] == retried


def test_the_long_dead_are_connected_to_seldom():
    """
    The time between two tries is at least a tenth of the time for which a node is dead.
    """
    world = World(2, retry_delay="5s")
    node = world.nodes[0]
    tried = []

    def retry():
        tried.append(world.clock.seconds())
        world.monitor.links_changed(node)  # it is refused again

    node.links.retry = retry
    world.lose(node)
    world.advance(500)
    gaps = [later - before for before, later in pairwise(tried)]
    assert all(5 <= gap <= 6.5 for gap in gaps[:5])
    assert all(gap >= 0.1 * before for before, gap in zip(tried, gaps, strict=False))
    assert gaps[-1] >= 30


@pytest.mark.parametrize("error", [Unavailable(), Unimplemented()])
def test_a_watch_that_ends(error):
    """
    What a node said counts as long as the watch lasts.
    """
    world = World(2, watch="yes")
    (watch,) = world.nodes[0].links.drivers[0].watches
    watch.message(MessageReceived(1, b"\x08\x02", "", 2))
    world.advance(10)
    assert [SUB_HEALTHY, HEALTHY] == world.states
    watch.lost(error)
    world.advance(2)
    assert [HEALTHY, HEALTHY] == world.states
    world.advance(10)
    again = 1 if isinstance(error, Unavailable) else 0
    assert 1 + again == len(world.nodes[0].links.drivers[0].watches)


def test_a_watch_on_a_connection_that_drains():
    """
    It moves to another connection: the server would wait for its end.
    """
    world = World(1, watch="yes")
    links = world.nodes[0].links
    (before,) = links.drivers
    after = Driver(world.clock)
    links.drivers = (after,)
    world.advance(2)
    assert [1] == before.cancelled
    assert 1 == len(after.watches)


@pytest.mark.parametrize("frozen", [1, 2])
def test_silent_nodes(frozen):
    """
    One is given up if another one answers; if none does, none is.
    """
    world = World(2)
    world.freeze(world.nodes[:frozen])
    world.advance(10)
    given_up = [node.links.drivers[0].aborted != [] for node in world.nodes]
    assert [frozen == 1, False] == given_up


def test_how_often_it_is_asked_who_answers(monkeypatch):
    """
    Once a tick: to look at all nodes for each silent one would take all of the time.
    """
    asked = []
    rank = Node.rank.fget
    monkeypatch.setattr(Node, "rank", property(lambda node: asked.append(node) or rank(node)))
    world = World(50)
    world.freeze(world.nodes)
    world.advance(10)
    assert {SUB_HEALTHY} == set(world.states)
    del asked[:]
    world.advance(0.125)
    assert 50 == len(asked)


def test_a_node_that_leaves_as_another_is_given_up():
    """
    As calls fail with their connection, their callers may change the set of nodes.
    """
    world = World(3)
    first, second, third = (node.links.drivers[0] for node in world.nodes)
    world.freeze(world.nodes[:2])
    first.abort = lambda reason: world.monitor.watch(world.nodes[2:])
    world.advance(4)
    assert [] == second.aborted + third.aborted
    assert [DEAD, SUB_HEALTHY, HEALTHY] == world.states


def test_a_line_for_each_transition():
    """
    The log says what became of which node, and why.
    """
    world = World(2)
    world.lose(world.nodes[0])
    address = world.nodes[0].peer
    assert [
        f"{address} of demo.Shop is sub-healthy, it was healthy: gone",
        f"{address} of demo.Shop is dead, it was sub-healthy: gone",
    ] == world.log.lines
    assert "gone" == world.monitor.reason(world.nodes[0])


def test_stop():
    """
    After a stop nothing is left with the clock.
    """
    world = World(2)
    world.monitor.stop()
    assert [] == world.clock.getDelayedCalls()
