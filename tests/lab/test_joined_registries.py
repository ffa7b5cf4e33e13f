"""
Registry servers that a bus joins, over the real wire, in memory.
"""

from __future__ import annotations

import msgspec
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from rpcfw.cli.group_survey import survey
from rpcfw.cli.registry_status import as_json, as_text
from rpcfw.client.stub import proxy
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, RegistryContract, an_instance
from rpcfw.testing.lab_loop import LabLoop, LoopInPlace
from rpcfw.values.address import Address
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.standalone.messages import MAX_COUNTER
from rpcfw_registries.standalone.node.replication.messages import Change, Entry, State
from rpcfw_registries.standalone.node.replication.peers import Peers
from tests.folders import temporary_folder
from tests.lab.registry_world import World
from tests.plugins.registries.standalone.callers import called_by

PLACES = tuple(Address("memory", name) for name in ("one", "two", "three"))
INTERVAL_S = 0.5
#: How often a server sees what is due.
LOOK_S = 1.0
ALL = ", ".join(map(str, PLACES))


class InAGroup:
    """
    A world with three registry servers on one bus.
    """

    reactor = "epoll"
    snapshot = ""
    access = ""

    def setUp(self):
        self.clock = Clock()
        place = LoopInPlace(LabLoop(self.clock) if self.reactor == "asyncio" else None)
        place.enter()
        self.addCleanup(place.leave)
        self.world = World(self.clock)
        self.nodes, self.servers = {}, {}
        for address in PLACES:
            self.run_node(address)
        self.addCleanup(self.stop_all)
        self.advance(2 * INTERVAL_S)
        self.hub = self.node(0).group.bus.hub
        return super().setUp()

    def run_node(self, address):
        self.nodes[address], self.servers[address] = self.world.joined(
            address,
            self.id(),
            digest_interval=f"{INTERVAL_S}s",
            snapshot=self.snapshot,
            access=self.access,
            access_default="allow",
            **self.texts(address),
        )
        starting = spawn(self.servers[address].start())
        self.advance(0.05)
        assert starting.called

    def texts(self, address):
        """
        Return further options of a server.
        """
        return {}

    def stop_node(self, address):
        spawn(self.servers.pop(address).stop())
        self.advance(1)

    def stop_all(self):
        for address in tuple(self.servers):
            self.stop_node(address)

    def node(self, index):
        return self.nodes[PLACES[index]]

    async def pass_time(self, seconds):
        self.advance(seconds)

    def advance(self, seconds):
        slices = max(1, round(seconds / (0.01 if seconds < 60 else 0.1)))
        for _ in range(slices):
            self.clock.advance(seconds / slices)

    def registry(self):
        return self.world.registry(ALL, lease="3s")


class TestAnyOfThree(InAGroup, RegistryContract, TestCase):
    """
    The contract, with a client that knows all three; all go away together.
    """

    async def leave(self):
        self.stop_all()

    async def come_back(self):
        for address in PLACES:
            self.run_node(address)

    async def die(self, registry):
        self.world.cut(registry)

    async def remove_behind(self, instance):
        assert self.node(1).replica.remove(instance.service, instance.id)

    async def store_unreadable(self, service):
        self.node(2).replica.put(service, "x", b'{"id": 5}', "somebody newer")


class Joined(InAGroup):
    def use(self, index, **texts):
        registry = self.world.registry(PLACES[index], **{"lease": "3s", **texts})
        self.addCleanup(lambda: (spawn(registry.stop()), self.advance(1)))
        return registry

    def told(self, registry):
        told = ReceivedUpdates()
        registry.watch("demo.Greeter", told)
        return told

    def announce(self, registry, **over):
        announcing = spawn(registry.announce(an_instance(**over)))
        self.advance(0.1)
        assert announcing.called

    def ids(self, told):
        return sorted(instance.id for instance in told.last)

    def assert_equal_copies(self):
        hashes = {node.replica.copy.hash for node in self.nodes.values()}
        assert 1 == len(hashes)

    def test_every_change_is_seen_everywhere(self):
        """
        What is announced, changed or withdrawn at one server is seen at another at once.
        """
        provider, told = self.use(0), self.told(self.use(1))
        self.announce(provider, weight=1)
        assert [1] == [instance.weight for instance in told.last]
        self.announce(provider, weight=7)
        assert [7] == [instance.weight for instance in told.last]
        spawn(provider.withdraw(an_instance(weight=7)))
        self.advance(0.1)
        assert [] == told.last
        self.assert_equal_copies()

    def test_what_is_not_renewed_goes_everywhere(self):
        """
        A provider that was killed is removed by its server, and so from all.
        """
        provider, told = self.use(0), self.told(self.use(2))
        self.announce(provider)
        self.world.cut(provider)
        self.advance(2.5)
        assert 1 == len(told.last)
        self.advance(1)
        assert [] == told.last

    def test_a_server_that_joins_has_a_copy_at_once(self):
        """
        A server that starts asks a peer for all instances before it receives any change.
        """
        self.stop_node(PLACES[1])
        provider = self.use(0)
        for number in range(50):
            self.announce(provider, id=f"i{number}")
        self.run_node(PLACES[1])
        self.advance(0.2)
        assert 50 == self.node(1).replica.copy.live
        self.assert_equal_copies()

    def test_a_provider_moves_when_its_server_dies(self):
        """
        Its instance never leaves a list.

        Not when it moves, and not when the instances of the lost server are removed.
        """
        provider = self.world.registry(f"{PLACES[0]}, {PLACES[1]}", lease="3s")
        told = self.told(self.use(2))
        self.announce(provider)
        at = next(place for place, node in self.nodes.items() if node.leases)
        told.snapshots.clear()
        self.stop_node(at)
        self.advance(250)
        assert all(snapshot.instances for snapshot in told.snapshots)
        assert 1 == len(self.node(2).catalog.changes("demo.Greeter", None).put)
        spawn(provider.stop())
        self.advance(1)

    def test_an_instance_that_moves_is_held(self):
        """
        A provider that comes from another server is known, and counted, also without a change.
        """
        record = [msgspec.Raw(instance_to_json(an_instance(id="a")))]
        changed = [msgspec.Raw(instance_to_json(an_instance(id="a", weight=7)))]
        with called_by(host="10.0.0.1"):
            for index in 0, 1:
                assert [] == self.node(index).announce("me", 10.0, record).refused
                self.advance(0.1)
        with called_by(host="10.0.0.2"):
            (refusal,) = self.node(1).announce("x", 10.0, changed).refused
        assert "another client has announced it" in refusal.reason
        assert self.node(0).guard.clients.holder((an_instance().service, "a")) is None

    def test_the_bus_goes_away_and_comes_back(self):
        """
        Nothing that lives is removed, and what was missed comes by a comparison.

        Meanwhile each server answers with what it has.
        """
        here, there = self.use(0), self.use(1)
        told = self.told(self.use(1))
        self.announce(here, id="before")
        self.cut(True)
        self.announce(here, id="here")
        self.announce(there, id="there")
        self.advance(250)
        assert ["before", "there"] == self.ids(told)
        assert not self.node(1).group.bus.connected
        self.cut(False)
        self.advance(1)
        assert ["before", "here", "there"] == self.ids(told)
        self.assert_equal_copies()

    def cut(self, cut):
        """
        Have no server reach the bus or another server; or have all reach them again.
        """
        self.hub.set_reachable(not cut)
        self.world.unreachable = {*PLACES} if cut else set()

    def test_servers_without_the_bus_ask_each_other(self):
        """
        While the bus is away, a change at one server is at the others a second later.
        """
        provider, told = self.use(0), self.told(self.use(1))
        self.announce(provider, id="a")
        self.hub.set_reachable(False)
        self.announce(provider, id="b")
        self.advance(LOOK_S + 0.1)
        assert ["a", "b"] == self.ids(told)
        spawn(provider.withdraw(an_instance(id="a")))
        self.advance(LOOK_S + 0.1)
        assert ["b"] == self.ids(told)
        self.assert_equal_copies()
        assert "not connected to its bus" in self.node(1).group.freshness.behind
        self.cut(True)
        self.announce(provider, id="c")
        self.advance(60)
        assert ["b"] == self.ids(told)
        self.world.unreachable.clear()
        self.advance(LOOK_S + 0.1)
        assert ["b", "c"] == self.ids(told)

    def test_a_consumer_leaves_a_server_that_is_silent(self):
        """
        It uses the next one before the lease of an instance is over, although nothing was refused.
        """
        consumer = self.world.registry(f"{PLACES[0]}, {PLACES[1]}", lease="10s")
        self.addCleanup(lambda: (spawn(consumer.stop()), self.advance(1)))
        told = self.told(consumer)
        self.advance(0.1)
        for connection in self.world.memory.connections:
            connection.freeze()
        self.announce(self.use(1), id="a")
        self.advance(9)
        assert [] == told.last
        self.advance(2)
        assert ["a"] == self.ids(told)

    def test_clients_are_spread_over_the_servers(self):
        """
        Clients with the same list of servers use all of them, also an hour after a restart.

        No list has a gap meanwhile.
        """
        clients = [self.world.registry(ALL, lease="60s") for _ in range(12)]
        self.addCleanup(lambda: ([spawn(each.stop()) for each in clients], self.advance(1)))
        received = [self.told(client) for client in clients]
        self.announce(clients[0], id="a")
        before = [node.watches for node in self.nodes.values()]
        assert all(before)
        assert 12 == sum(before)
        self.stop_node(PLACES[0])
        self.run_node(PLACES[0])
        self.advance(2)
        assert [0, 12] == [self.node(0).watches, self.node(1).watches + self.node(2).watches]
        for each in received:
            each.snapshots.clear()
        self.clock.pump([5] * 721)
        assert before == [node.watches for node in self.nodes.values()]
        assert all(snapshot.instances for each in received for snapshot in each.snapshots)
        assert 1 == sum(node.leases for node in self.nodes.values())

    def test_a_server_without_the_bus_says_so(self):
        """
        Its consumers learn that the list may be old, until it has compared its copy again.
        """
        consumer = self.use(1)
        watch = consumer.watch("demo.Greeter", ReceivedUpdates())
        self.advance(0.1)
        assert "" == watch.trouble == consumer.trouble
        self.hub.set_reachable(False)
        self.advance(0.1)
        assert "the list may be old: of the registry server, it is not connected to its bus" == (
            watch.trouble
        )
        assert watch.trouble == consumer.trouble
        self.hub.set_reachable(True)
        self.advance(0.2)
        assert "" == watch.trouble == consumer.trouble
        watch.close()
        assert "" == consumer.trouble

    def test_status_of_a_group(self):
        """
        `rpcfw registry status` asks one server, and by it all others, and compares their copies.
        """
        self.announce(self.use(0))
        found = self.survey()
        assert found.fine
        assert {1} == {node.instances for node in found.nodes.values()}
        assert [0, 0, 1] == sorted(node.leases for node in found.nodes.values())
        assert [0, 0, 0] == [found.lag(node) for node in found.nodes.values()]
        assert {True} == {node.connected for node in found.nodes.values()}
        assert 3 == as_text(found).count("up to date")

    def test_status_of_a_server_that_lags(self):
        """
        A server without the bus is behind, lags by what it missed, and has another copy.
        """
        bus = self.node(2).group.bus
        self.hub.buses.discard(bus)
        bus.set_connected(False)
        self.announce(self.use(0))
        found = self.survey()
        assert not found.equal
        lagging = found.nodes[PLACES[2]]
        assert 1 == found.lag(lagging)
        assert "it is not connected to its bus" == lagging.behind
        assert "servers: 3, copies: different" in as_text(found)

    def test_status_of_a_server_that_died(self):
        """
        A server that the others still count with, and that does not answer, is named.
        """
        dying = self.servers.pop(PLACES[1])
        self.node(1).replica.leave = lambda: None
        spawn(dying.stop())
        self.advance(1)
        found = self.survey()
        assert found.equal
        assert [str(PLACES[1])] == list(found.failed)
        assert not found.fine
        assert "error" in as_json(found)

    def survey(self):
        def ask(address):
            channel = self.world.channel(address)
            return proxy(Peers, channel).status(timeout=1)

        surveying = spawn(survey(ask, [PLACES[0]], self.clock))
        self.advance(3)
        return surveying.result

    def test_a_server_that_joins_sends_no_empty_list(self):
        """
        A consumer gets an empty list once the server has compared its copy, or waited for a peer.
        """
        self.stop_all()
        self.run_node(PLACES[0])
        consumer, told = self.use(0), ReceivedUpdates()
        watch = consumer.watch("demo.Greeter", told)
        self.advance(0.1)
        assert None is told.last
        assert "it has just started" in watch.trouble
        self.advance(2 * INTERVAL_S)
        assert [] == told.last
        assert "" == watch.trouble

    def test_a_server_that_joins_sends_what_is_announced(self):
        """
        A list that is not empty is sent at once, marked as old: calls need not wait.
        """
        self.stop_all()
        self.run_node(PLACES[0])
        told = ReceivedUpdates()
        watch = self.use(0).watch("demo.Greeter", told)
        self.announce(self.use(0))
        assert 1 == len(told.last)
        assert "it has just started" in watch.trouble

    def test_a_server_that_may_not_compare_says_so(self):
        """
        A server that the others do not let in goes on to say that its list may be old.

        Once they are gone it has all that there is.
        """
        self.stop_all()
        self.access = "deny action=join"
        self.run_node(PLACES[0])
        self.announce(self.use(0))
        self.run_node(PLACES[1])
        told = ReceivedUpdates()
        watch = self.use(1).watch("demo.Greeter", told)
        self.advance(6 * INTERVAL_S)
        assert [] == told.last
        assert "could not compare its copy with that of another server" in watch.trouble
        self.stop_node(PLACES[0])
        self.advance(4 * INTERVAL_S)
        assert "" == watch.trouble

    def test_a_snapshot_is_there_at_once(self):
        """
        If all servers stop, one that starts again answers with its file, marked as old.
        """
        self.stop_all()
        self.snapshot = str(temporary_folder(self) / "snapshot")
        self.run_node(PLACES[0])
        provider = self.use(0)
        self.announce(provider)
        self.advance(2 * INTERVAL_S)
        self.world.cut(provider)
        self.stop_all()
        self.run_node(PLACES[0])
        consumer, told = self.use(0), ReceivedUpdates()
        consumer.watch("demo.Greeter", told)
        self.advance(0.1)
        assert 1 == len(told.last)
        assert "it has just started" in consumer.trouble
        self.advance(3 * INTERVAL_S)
        assert "" == consumer.trouble
        self.advance(170)
        assert 1 == len(told.last)
        self.advance(20)
        assert [] == told.last

    def test_servers_that_join_together_wait_for_announcements(self):
        """
        Equal copies of two servers that know nothing yet do not count as a comparison.
        """
        self.stop_all()
        for place in PLACES:
            self.run_node(place)
        told = self.told(self.use(1))
        self.advance(INTERVAL_S)
        assert None is told.last
        self.announce(self.use(0))
        assert [1] == [len(snapshot.instances) for snapshot in told.snapshots]

    def test_a_lost_server_is_forgotten(self):
        """
        What a dead server kept is removed by the others once it was silent for `lost_after`.
        """
        provider = self.use(0)
        told = self.told(self.use(1))
        self.announce(provider)
        self.world.cut(provider)
        hub, dead = self.hub, self.node(0).group.bus
        hub.buses.discard(dead)
        dead.set_connected(False)
        self.advance(120)
        assert 1 == len(told.last)
        self.advance(70)
        assert [] == told.last

    def test_a_record_that_is_nested_deep(self):
        """
        Whatever a client announces, the consumers of a service go on.
        """
        received = self.told(self.use(0))
        for depth in range(100, 1000, 50):
            deep = b',"x":' + b"[" * depth + b"]" * depth + b"}"
            record = instance_to_json(an_instance(id=f"deep{depth}"))[:-1] + deep
            with called_by(host="10.0.0.1"):
                (refusal,) = self.node(0).announce("me", 10.0, [msgspec.Raw(record)]).refused
            assert "nested deeper" in refusal.reason
        self.announce(self.use(0), id="later")
        assert ["later"] == self.ids(received)

    def test_entries_on_the_bus_that_would_harm(self):
        """
        A message with records that no consumer can read, or with large removals, is left.
        """
        received = self.told(self.use(1))
        live = Entry("demo.Greeter", "bad", 5, "x", State.LIVE, "owner")
        entries = [
            msgspec.structs.replace(live, record=record)
            for record in (b'{"id":"bad"]', b"[" * 400 + b"]" * 400, b'"', b"")
        ]
        entries.append(msgspec.structs.replace(live, state=State.REMOVED, record=b"x" * 16_000))
        entries.append(msgspec.structs.replace(live, state=State.LOST, holder=("y" * 256,) * 16))
        for number, entry in enumerate(entries):
            packed = msgspec.msgpack.encode(Change("x", number, [entry]))
            self.node(0).group.bus.publish("rpcfw.registry.default", packed)
        self.announce(self.use(0), id="a")
        assert ["a"] == self.ids(received)
        assert self.node(1).replica.copy.get(("demo.Greeter", "bad")) is None
        self.assert_equal_copies()

    def test_versions_on_the_bus_that_are_too_high(self):
        """
        Whatever version somebody publishes, what servers announce later is read by the others.
        """
        received = self.told(self.use(1))
        for number, counter in enumerate((MAX_COUNTER >> 1, MAX_COUNTER)):
            entry = Entry("demo.X", f"i{number}", counter, "x", State.LIVE, "owner", b"{}")
            packed = msgspec.msgpack.encode(Change("x", number, [entry]))
            self.node(0).group.bus.publish("rpcfw.registry.default", packed)
        for weight in 1, 2, 3:
            self.announce(self.use(0), id="a", weight=weight)
            assert [weight] == [each.weight for each in received.last]
        self.assert_equal_copies()

    def test_garbage_on_the_bus(self):
        """
        What cannot be read is counted and left; the server goes on.
        """
        self.node(0).group.bus.publish("rpcfw.registry.default", b"\xc1garbage")
        self.announce(self.use(0))
        assert 1 == self.node(1).replica.copy.live


class TestJoined(Joined, SynchronousTestCase):
    pass


class TestJoinedBesideAsyncio(Joined, SynchronousTestCase):
    reactor = "asyncio"
