"""
The standalone registry over the real wire, in memory.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from rpcfw.spi.runtime.background import PAUSE_S
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, RegistryContract, an_instance
from rpcfw.testing.lab_loop import LabLoop, LoopInPlace
from rpcfw.values.address import Address
from rpcfw_registries.standalone.session import Session
from tests.lab.registry_world import World

HOME = Address("memory", "node")


async def _fail(session):
    raise ValueError


class InAWorld:
    """
    A world with one registry server in it.
    """

    #: Whose scheduling it runs under.
    reactor = "epoll"

    def setUp(self):
        self.clock = Clock()
        place = LoopInPlace(LabLoop(self.clock) if self.reactor == "asyncio" else None)
        place.enter()
        self.addCleanup(place.leave)
        self.world = World(self.clock)
        self.run_node()
        self.addCleanup(self.stop_node)
        return super().setUp()

    def run_node(self):
        self.node, self.server = self.world.node(HOME)
        starting = spawn(self.server.start())
        self.advance(0.01)
        assert starting.called

    def stop_node(self):
        if self.server is not None:
            spawn(self.server.stop())
            self.advance(1)
            self.server = None

    async def pass_time(self, seconds):
        self.advance(seconds)

    def advance(self, seconds):
        slices = max(1, round(seconds / 0.01))
        for _ in range(slices):
            self.clock.advance(seconds / slices)

    def registry(self):
        return self.world.registry(HOME, lease="3s")


class TestContract(InAWorld, RegistryContract, TestCase):
    """
    The contract, with a node that is restarted when it was away.
    """

    async def leave(self):
        self.stop_node()

    async def come_back(self):
        self.run_node()

    async def die(self, registry):
        self.world.cut(registry)

    async def remove_behind(self, instance):
        assert self.node.replica.remove(instance.service, instance.id)

    async def store_unreadable(self, service):
        self.node.replica.put(service, "x", b'{"id": 5}', "somebody newer")


class TestInAWorld(InAWorld, SynchronousTestCase):
    many = 10_000

    def told(self, registry):
        told = ReceivedUpdates()
        registry.watch("demo.Greeter", told)
        self.advance(1)
        self.addCleanup(lambda: spawn(registry.stop()))
        return told

    def test_loads_many(self):
        """
        All instances of a service arrive whole, however many.
        """
        provider = self.registry()
        many = range(self.many)
        announced = [spawn(provider.announce(an_instance(id=f"i{n}"))) for n in many]
        self.advance(2)
        assert all(one.called for one in announced)
        told = self.told(self.registry())
        assert [self.many] == [len(snapshot.instances) for snapshot in told.snapshots]
        spawn(provider.announce(an_instance(id="i77", weight=1)))
        self.advance(0.1)
        assert 2 == len(told.snapshots)
        spawn(provider.stop())
        self.advance(1)

    def test_a_closed_watch_ends_at_the_node(self):
        """
        A consumer that loses interest costs the node nothing any more.
        """
        registry = self.registry()
        told = ReceivedUpdates()
        watch = registry.watch("demo.Greeter", told)
        self.advance(1)
        assert [] == told.last
        assert 1 == self.node.watches
        watch.close()
        self.advance(1)
        assert 0 == self.node.watches
        spawn(registry.stop())

    def test_a_lost_connection_is_made_again(self):
        """
        After a cut wire watches and announcements go on at the same node.
        """
        provider, consumer = self.registry(), self.registry()
        spawn(provider.announce(an_instance()))
        told = self.told(consumer)
        for connection in self.world.memory.connections:
            connection.cut()
        self.advance(5)
        spawn(provider.announce(an_instance(id="b")))
        self.advance(5)
        assert [an_instance(), an_instance(id="b")] == told.last
        assert all(2 >= len(snapshot.instances) >= 1 for snapshot in told.snapshots[1:])
        spawn(provider.stop())
        self.advance(1)

    def test_a_bug_ends_a_watch_for_a_moment(self):
        """
        A policy that raises something odd costs the list some seconds, and the reason is told.
        """
        registry, told = self.registry(), ReceivedUpdates()
        failing = self.patch(Session, "open", _fail)
        watch = registry.watch("demo.Greeter", told)
        self.advance(1)
        assert "failed by a bug, see the log: ValueError" in watch.trouble
        failing.restore()
        self.advance(PAUSE_S)

        assert [] == told.last
        assert "" == watch.trouble
        assert 1 == len(self.flushLoggedErrors(ValueError))
        spawn(registry.stop())
        self.advance(1)

    def test_a_node_stops_without_waiting_for_watches(self):
        """
        A watch does not hold up the stop of the node.
        """
        self.told(self.registry())
        stopping = spawn(self.server.stop())
        self.advance(1)
        assert stopping.called
        self.server = None


class TestContractUnderAsyncio(TestContract):
    """
    The contract, driven by asyncio's Tasks.
    """

    reactor = "asyncio"


class TestInAWorldUnderAsyncio(TestInAWorld):
    """
    The rest, likewise.
    """

    reactor = "asyncio"
    #: A clock sorts all that is due, and each Task's step is due.
    many = 1_000
