"""
Bridges between registries, on a clock that the test moves.
"""

from __future__ import annotations

from itertools import count
from random import Random

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.cluster.bridging.bridge import Bridge
from rpcfw.cluster.bridging.copies import BRIDGE_TAG, is_copy
from rpcfw.cluster.bridging.options import BridgeOptions
from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry_case import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw.values.probe_report import PROBER_SERVICE
from rpcfw_registries.local.memory import MemoryOptions, MemoryRegistry
from tests.lab.registry_world import World

SERVICE = "demo.Greeter"
_numbers = count()


class Counted(MemoryRegistry):
    """
    Counts what is written through it.
    """

    writes = 0
    #: Services that it knows no more.
    forgotten = ()

    async def announce(self, instance):
        self.writes += 1
        if instance.service == "no.Entry":
            raise RegistryError("you may not announce it")
        await super().announce(instance)

    async def withdraw(self, instance):
        self.writes += 1
        await super().withdraw(instance)

    async def services(self):
        return tuple(each for each in await super().services() if each not in self.forgotten)


class Bridges:
    """
    Two registries in memory, "old" and "new", with bridges between them.
    """

    def __init__(self):
        self.clock = Clock()
        self.context = plugin_context(self.clock, Random(1))
        #: What one test leaves in memory is not found by the next.
        self._number = next(_numbers)
        self.old, self.new = self.registry("old"), self.registry("new")
        self._running = {}
        self._lists = {}

    def registry(self, name):
        return Counted(MemoryOptions(name=f"{name} {self._number}"), self.context)

    def bridge(self, **options):
        sides = self.registry("old"), self.registry("new")
        context = plugin_context(self.clock, self.context.random)
        bridge = Bridge(*sides, BridgeOptions(**options), "host", context)
        bridge.start()
        self._running[bridge] = sides
        return bridge

    def stop(self, bridge):
        """
        Stop a bridge, or end it as its leases do when it is killed.
        """
        bridge.stop()
        for side in self._running.pop(bridge):
            self.do(side.stop())

    def sides(self, bridge):
        return self._running[bridge]

    def writes(self, bridge):
        return sum(side.writes for side in self._running[bridge])

    def do(self, coroutine):
        done = spawn(coroutine)
        done.addErrback(lambda failure: failure.raiseException())
        assert done.called

    def announce(self, registry, **facts):
        self.do(registry.announce(an_instance(**facts)))

    def withdraw(self, registry, **facts):
        self.do(registry.withdraw(an_instance(**facts)))

    def follow(self, registry, service=SERVICE):
        """
        Return all lists that a consumer of a registry gets, as they come.
        """
        lists = []
        registry.watch(service, lambda snapshot: lists.append(snapshot.instances))
        return lists

    def pass_time(self, seconds=3.0):
        for _ in range(round(seconds / 0.01)):
            self.clock.advance(0.01)

    def close(self):
        for bridge in tuple(self._running):
            self.stop(bridge)
        for registry in (self.old, self.new):
            self.do(registry.stop())


@pytest.fixture
def world():
    bridges = Bridges()
    yield bridges
    bridges.close()


def addresses(instances):
    return sorted(each.address.host for each in instances)


def at(host):
    return Address("memory", host)


def test_both_ways(world):
    """
    Consumers of either registry find the instances of both, and what they say; then no more.
    """
    world.bridge()
    old, new = world.follow(world.old), world.follow(world.new)
    world.announce(world.old, id="a", address=at("a"), weight=7, tags={"x": "y"})
    world.announce(world.new, id="b", address=at("b"))
    world.pass_time()

    assert ["a", "b"] == addresses(old[-1]) == addresses(new[-1])
    (copy,) = filter(is_copy, new[-1])
    assert (7, "y") == (copy.weight, copy.tags["x"])

    world.withdraw(world.old, id="a", address=at("a"))
    world.pass_time()
    assert ["b"] == addresses(old[-1]) == addresses(new[-1])


def test_one_way(world):
    """
    Nothing is written to the first registry if one way is asked for.
    """
    world.bridge(one_way=True)
    old, new = world.follow(world.old), world.follow(world.new)
    world.announce(world.old, id="a", address=at("a"))
    world.announce(world.new, id="b", address=at("b"))
    world.pass_time()

    assert (["a"], ["a", "b"]) == (addresses(old[-1]), addresses(new[-1]))


def test_named_services(world):
    """
    Services that are not named are left alone; so are the reports of probers, always.
    """
    world.bridge(services=(SERVICE,))
    world.bridge()
    world.announce(world.old, id="a", address=at("a"))
    world.announce(world.old, service="demo.Other", id="o", address=at("o"))
    world.announce(world.old, service=PROBER_SERVICE, id="p", address=at("p"))
    world.pass_time()

    lists = [world.follow(world.new, name) for name in (SERVICE, "demo.Other", PROBER_SERVICE)]
    world.pass_time()
    assert [2, 1, 0] == [len(each[-1]) for each in lists]


def test_quiet_once_all_is_mirrored(world):
    """
    Two bridges do not answer each other's copies, and share the weight.
    """
    bridges = world.bridge(), world.bridge()
    old, new = world.follow(world.old), world.follow(world.new)
    for number in range(5):
        world.announce(world.old, id=f"a{number}", address=at(f"a{number}"))
        world.announce(world.new, id=f"b{number}", address=at(f"b{number}"))
    world.pass_time()
    assert [15, 15] == [len(old[-1]), len(new[-1])]
    assert {35} == {each.weight for each in new[-1] if is_copy(each)}
    before = [world.writes(each) for each in bridges], len(old), len(new)

    world.pass_time(60)
    assert before == ([world.writes(each) for each in bridges], len(old), len(new))


def test_one_of_two_bridges_ends(world):
    """
    The other one holds: no list is without an instance, and the whole weight is back.
    """
    first, _ = world.bridge(), world.bridge()
    world.announce(world.old, id="a", address=at("a"))
    world.pass_time()
    new = world.follow(world.new)
    world.stop(first)
    world.pass_time()

    assert all(new)
    assert [70] == [each.weight for each in new[-1]]


def test_announced_in_both(world):
    """
    An instance that comes into the other registry by itself replaces its copy, without a gap.
    """
    world.bridge()
    world.announce(world.old, id="a", address=at("a"))
    world.pass_time()
    new = world.follow(world.new)
    world.announce(world.new, id="a", address=at("a"))
    world.pass_time()

    assert all(new)
    assert [False] == [is_copy(each) for each in new[-1]]

    world.withdraw(world.new, id="a", address=at("a"))
    world.pass_time()
    assert [True] == [is_copy(each) for each in new[-1]]


def test_a_provider_that_moves(world):
    """
    Restarted at its address with the new registry, it is seen by consumers of both.
    """
    world.bridge()
    world.announce(world.old, id="a", address=at("a"))
    old, new = world.follow(world.old), world.follow(world.new)
    world.pass_time()
    world.announce(world.new, id="a2", address=at("a"))
    world.pass_time()
    world.withdraw(world.old, id="a", address=at("a"))
    world.pass_time()

    assert all(old)
    assert all(new[1:])  # the first list of the new one was empty, as it should be
    assert ["a"] == addresses(old[-1]) == addresses(new[-1])


def test_changes_without_end(world):
    """
    An instance that comes and goes all the time costs a bounded number of writes.
    """
    bridge = world.bridge()
    world.pass_time()
    for _ in range(500):
        world.announce(world.old, id="a", address=at("a"))
        world.clock.advance(0.001)
        world.withdraw(world.old, id="a", address=at("a"))
        world.clock.advance(0.001)

    assert world.writes(bridge) <= 55


def test_ten_thousand_instances(world):
    """
    Each of 10,000 instances is written once, in few rounds, and one more costs one write.
    """
    for number in range(10_000):
        world.announce(world.old, id=f"i{number}", address=at(f"h{number % 100}"))
    bridge = world.bridge()
    new = world.follow(world.new)
    world.pass_time(1)
    assert 10_000 == world.writes(bridge) == len(new[-1])
    assert len(new) <= 3

    world.announce(world.old, id="more", address=at("more"))
    world.pass_time(1)
    assert 10_001 == world.writes(bridge) == len(new[-1])


def test_limits(world):
    """
    What is too much is not mirrored, and the log says which option to change.
    """
    with capturedLogs() as logs:
        bridge = world.bridge(max_services=2, max_instances=3)
        for service in ("demo.A", "demo.B", "demo.C"):
            for number in range(2):
                world.announce(world.old, service=service, id=f"i{number}", address=at(service))
        world.pass_time()
    said = "\n".join(formatEvent(each) or "" for each in logs)

    assert "--max-services 2" in said
    assert "--max-instances 3" in said
    status = bridge.status()
    assert (2, False, 3) == (status.services, status.complete, status.registries[1].visible)

    # Once one is gone, another one is mirrored, of whichever service.
    world.withdraw(world.old, service="demo.A", id="i0")
    world.pass_time()
    assert (True, 3) == (bridge.status().complete, bridge.status().registries[1].visible)


def test_what_a_registry_refuses(world):
    """
    It is logged and counted, and all else is mirrored.
    """
    world.new.writes = 0
    with capturedLogs() as logs:
        bridge = world.bridge(services=("no.Entry", SERVICE))
        world.do(MemoryRegistry.announce(world.old, an_instance(service="no.Entry")))
        world.announce(world.old, id="i" * 250)
        world.announce(world.old, id="a")
        world.pass_time()
    said = [formatEvent(each) or "" for each in logs]

    assert any("you may not announce it" in each for each in said)
    assert any("more than 256" in each for each in said)
    second = bridge.status().registries[1]
    assert (3, 1) == (second.instances, second.visible)


def test_a_service_that_is_gone(world):
    """
    A service that is in neither registry any more is forgotten; one with instances is not.
    """
    bridge = world.bridge()
    world.announce(world.old, service="demo.A", id="a")
    world.announce(world.old, service="demo.B", id="b")
    world.pass_time()
    assert 2 == bridge.status().services
    world.withdraw(world.old, service="demo.A", id="a")
    world.sides(bridge)[0].forgotten = ("demo.A", "demo.B")
    world.sides(bridge)[1].forgotten = ("demo.A", "demo.B")
    world.pass_time()

    assert 1 == bridge.status().services


@pytest.mark.parametrize("seconds", [2.97, 2.98, 2.99, 3.0])
def test_a_service_that_is_gone_leaves_no_copy(world, seconds):
    """
    A copy that the other registry has not taken is withdrawn, though the service is forgotten next.
    """
    bridge, one = world.bridge(), an_instance(service="no.Entry", id="a")
    world.do(MemoryRegistry.announce(world.old, one))
    world.pass_time(3.0)
    assert 1 == bridge.status().registries[1].instances
    for side in world.sides(bridge):
        side.forgotten = ("no.Entry",)
    world.pass_time(seconds)
    world.do(world.old.withdraw(one))
    world.pass_time()

    assert 0 == bridge.status().registries[1].instances
    assert 0 == bridge.status().services


class Servers:
    """
    Two registry servers, one provider at the first, and a bridge with connections of its own.
    """

    def __init__(self):
        self.clock = Clock()
        self.world = World(self.clock)
        self._servers = []
        self._registries = []
        for name in ("old", "new"):
            _, server = self.world.node(at(name))
            self._run(server.start(None))
            self._servers.append(server)
        self.provider = self.registry("old")
        spawn(self.provider.announce(an_instance(id="a", address=at("a"))))
        self.sides = self.registry("old"), self.registry("new")
        self.bridge = Bridge(
            *self.sides, BridgeOptions(), "host", plugin_context(self.clock, Random(2))
        )
        self.bridge.start()
        self.lists = []
        watching = self.registry("new")
        watching.watch(SERVICE, lambda snapshot: self.lists.append(snapshot.instances))
        self.pass_time(5)

    def registry(self, name):
        registry = self.world.registry(at(name), lease="10s")
        self._registries.append(registry)
        return registry

    def pass_time(self, seconds):
        for _ in range(round(seconds / 0.02)):
            self.clock.advance(0.02)

    def close(self):
        self.bridge.stop()
        for each in self._registries:
            spawn(each.stop())
        for server in self._servers:
            spawn(server.stop())
        self.pass_time(20)

    def _run(self, coroutine):
        spawn(coroutine)
        self.pass_time(0.1)


@pytest.fixture
def servers():
    servers = Servers()
    yield servers
    servers.close()


def test_the_source_is_away(servers):
    """
    What was mirrored stays while the registry that it comes from is not reached.
    """
    servers.world.cut(servers.sides[0])
    servers.pass_time(60)

    assert ["a"] == addresses(servers.lists[-1])
    assert 1 == sum(map(bool, servers.lists))


def test_a_killed_bridge(servers):
    """
    What a killed bridge mirrors is there until its lease ends, and not longer.
    """
    servers.bridge.stop()
    servers.world.cut(servers.sides[1])
    servers.pass_time(5)
    assert BRIDGE_TAG in servers.lists[-1][0].tags
    servers.pass_time(15)
    assert () == servers.lists[-1]
