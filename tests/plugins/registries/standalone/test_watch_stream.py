"""
The watches of one process over one stream, and what it is sent when it moves.
"""

from __future__ import annotations

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import PermissionDenied
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.values.rule import application_scope, service_scope
from rpcfw_registries.remote import failover
from rpcfw_registries.rules.records import DocumentRecord, StoredDocument, documents_to
from rpcfw_registries.standalone.node.guard import Action
from rpcfw_registries.standalone.updates import HASH_BYTES, Update, Updates
from rpcfw_registries.standalone.view import View
from tests.plugins.registries.network import MemoryChannel
from tests.plugins.registries.standalone.on_network import HOME, OTHER, Alone, raw

RECORD = documents_to(DocumentRecord(1, [StoredDocument("policies", "one", 1)]))


def refuse(*what):
    raise PermissionDenied("not you")


class TestWatchStream(Alone, SynchronousTestCase):
    def test_one_stream_for_all_services(self):
        """
        What a process watches goes over one stream, in few requests; closed watches leave it.
        """
        registry = self.registry()
        watches = [registry.watch(f"demo.S{n}", ReceivedUpdates()) for n in range(50)]
        self.advance(0.1)
        (request,) = self.calls("watch")
        assert 50 == len(request.add) == self.node().watches
        assert 1 == len(self.network.streams)
        late = self.told(registry, "demo.Late")
        assert [] == late.last
        for watch in watches:
            watch.close()
        self.advance(0.1)
        assert 1 == self.node().watches
        assert 50 == len(self.calls("watch")[-1].remove)
        assert 1 == len(self.network.streams)

    def store(self, address, scope, record):
        self.successResultOf(
            spawn(self.rules[address].write(scope.kind, scope.name, record, b"", ""))
        )

    def rules_told(self, registry, scope):
        told = []
        watch = registry.rules().watch(scope, lambda rules: told.append(rules.documents))
        self.advance(0.1)
        return told, watch

    def test_rules_are_on_the_same_stream(self):
        """
        Rules of all scopes and lists go over one stream; closed watches of rules leave it.
        """
        registry = self.registry()
        registry.watch("demo.S0", ReceivedUpdates())
        rules = registry.rules()
        scopes = [service_scope(f"demo.S{n}") for n in range(20)] + [application_scope("shop")]
        watches = [rules.watch(scope, lambda rules: None) for scope in scopes]
        self.advance(0.1)
        (request,) = self.calls("watch")
        assert (1, 21) == (len(request.add), len(request.add_rules))
        assert 22 == self.node().watches
        assert 1 == len(self.network.streams)
        for watch in watches:
            watch.close()
        self.advance(0.1)
        assert 1 == self.node().watches
        assert 21 == len(self.calls("watch")[-1].remove_rules)

    def test_a_second_watch_of_rules_asks_nothing(self):
        """
        Watches of the same rules in one process share what was sent; the last one ends it.
        """
        registry = self.registry()
        first, watch = self.rules_told(registry, service_scope("demo.Greeter"))
        second, other = self.rules_told(registry, service_scope("demo.Greeter"))
        assert [{}] == first == second
        assert 1 == len(self.calls("watch"))
        watch.close()
        self.advance(0.1)
        assert 1 == self.node().watches
        other.close()
        self.advance(0.1)
        assert 0 == self.node().watches

    def test_moves_without_rules(self):
        """
        A consumer that moves to a server with the same rules is sent none.
        """
        self.addresses = (HOME, OTHER)
        self.make_node(OTHER)
        same, other = service_scope("demo.Same"), service_scope("demo.Other")
        for address in self.addresses:
            self.store(address, same, RECORD)
        registry = self.registry()
        told, _ = self.rules_told(registry, same)
        none, _ = self.rules_told(registry, other)
        received = self.received()
        self.network.drop(HOME)
        self.advance(3)
        assert (1, [{}]) == (len(told), none)
        assert [] == [update for message in received for update in message.rules]
        assert 2 == self.node(OTHER).watches
        self.store(OTHER, other, RECORD)
        self.advance(0.1)
        assert 1 == sum(len(message.rules) for message in received)
        assert "one" == none[-1]["policies"].body

    def test_refused_rules_are_told_once(self):
        """
        The reason is told once. They are asked for again, and told when they are allowed.
        """
        registry = self.registry()
        reasons, told = [], []
        self.node().guard.check = refuse
        registry.rules().watch(service_scope("demo.Greeter"), told.append, reasons.append)
        self.advance(10)
        assert ["the registry server refuses the watch: not you"] == reasons
        assert 5 <= len(self.calls("watch"))
        del self.node().guard.check
        self.advance(3)
        assert 1 == len(told)

    def test_each_refusal_of_the_stream_is_told(self):
        """
        Rules that did not change while they were refused are known to be allowed again.
        """
        registry = self.registry()
        reasons, told = [], []
        watch = registry.rules().watch
        watch(service_scope("demo.Greeter"), told.append, reasons.append)
        for times in (1, 2):
            self.network.refusal = PermissionDenied("not you")
            self.network.lose(HOME)
            self.advance(5)
            assert times == len(reasons)
            self.network.refusal = None
            self.advance(5)
        watch(service_scope("demo.Greeter"), told.append, reasons.append)
        self.advance(1)
        assert 2 == len(reasons)

    def test_is_back_after_a_mistake_in_the_access_rules(self):
        """
        A server that refuses what it has sent before forgets the watch. It is asked for again.
        """
        scope, node = service_scope("demo.Greeter"), self.node()
        registry = self.registry()
        told = self.told(registry)
        rules, _ = self.rules_told(registry, scope)
        check = node.guard.check
        node.guard.check = lambda caller, action, scope: action is Action.WATCH and refuse()
        node.announce("me", 60.0, [raw(an_instance())])
        self.store(HOME, scope, RECORD)
        self.advance(1)
        assert (0, [], [{}]) == (node.watches, told.last, rules)
        node.guard.check = check
        self.advance(3)
        assert [an_instance()] == told.last
        assert (2, 2) == (node.watches, len(rules))

    def test_a_second_watch_of_a_service_asks_nothing(self):
        """
        Watches of the same service in one process share the list.
        """
        registry = self.registry()
        self.announced(registry, an_instance())
        first = self.told(registry)
        assert first.last == self.told(registry).last == [an_instance()]
        assert 1 == len(self.calls("watch"))

    def received(self):
        """
        Return a list of the messages that consumers get from now on.
        """
        received = []
        carried = MemoryChannel.carried

        def seen(channel, message, type):
            if isinstance(message, Updates):
                received.append(message)
            return carried(channel, message, type)

        self.patch(MemoryChannel, "carried", seen)
        return received

    def moved(self, change):
        """
        Have a consumer of 40 instances move to a server that has them too, after a change there.

        Return what it asked for, and what it received.
        """
        self.addresses = (HOME, OTHER)
        other = self.make_node(OTHER)
        instances = [an_instance(id=f"i{n}") for n in range(40)]
        for node in (self.node(), other):
            node.announce("me", 60.0, [raw(one) for one in instances])
        told = self.told(self.registry())
        assert 40 == len(told.last)
        change(other)
        received = self.received()
        asked = len(self.calls("watch"))
        self.network.drop(HOME)
        self.advance(3)
        packed = [bytes(each) for message in received for each in message.updates]
        return self.calls("watch")[asked:], packed, told

    def test_moves_without_a_list(self):
        """
        A consumer that moves to a server with an equal list is sent no record.
        """
        asked, received, told = self.moved(lambda node: None)
        assert 1 == len(asked)
        (update,) = received
        assert len(update) < 150
        assert 1 == len(told.snapshots)

    def test_moves_with_the_difference_alone(self):
        """
        If the list there differs, the consumer is sent what differs.
        """

        def change(node):
            node.announce("me", 60.0, [raw(an_instance(id="i7", weight=3))])
            node.announce("me", 60.0, [raw(an_instance(id="new"))])
            node.withdraw("me", [("demo.Greeter", "i8")])

        asked, received, told = self.moved(change)
        assert 2 == len(asked)
        assert 40 * HASH_BYTES == len(asked[1].add[0].records)
        compare, difference = (msgspec.json.decode(each, type=Update) for each in received)
        assert compare.compare
        assert (2, 2 * HASH_BYTES) == (len(difference.put), len(difference.gone_records))
        ids = {f"i{n}" for n in range(40)} | {"new"}
        # What the other server lacks may merely not have been announced there yet.
        assert ids == {instance.id for instance in told.last}
        assert an_instance(id="i7", weight=3) in told.last
        self.advance(5)
        assert ids - {"i8"} == {instance.id for instance in told.last}
        self.node(OTHER).announce("me", 60.0, [raw(an_instance(id="later"))])
        self.advance(0.1)
        assert ids - {"i8"} | {"later"} == {instance.id for instance in told.last}

    def test_moves_with_an_empty_list(self):
        """
        A consumer that knows no instance is sent the list of the next server, however long.
        """
        self.addresses = (HOME, OTHER)
        instances = [an_instance(id=f"i{n}") for n in range(40)]
        self.make_node(OTHER).announce("me", 60.0, [raw(one) for one in instances])
        told = self.told(self.registry(shuffle_addresses="no"))
        assert [] == told.last
        self.network.drop(HOME)
        self.advance(3)
        assert 40 == len(told.last)

    def test_stays_where_it_is_if_all_do(self):
        """
        Of servers that no bus joins, the one that a fleet has left is not used again.
        """
        self.patch(failover, "_RETURN_S", 4.0)
        self.addresses = (HOME, OTHER)
        self.make_node(OTHER)
        self.network.drop(HOME)
        self.told(self.registry(shuffle_addresses="no"))
        self.advance(3)
        self.make_node(HOME)
        self.clock.pump([0.5] * 20)
        assert [0, 1] == [self.node(at).watches for at in self.addresses]

    def test_goes_to_another_server_if_one_is_full(self):
        """
        A server with its limit of streams is left for the next.
        """
        self.addresses = (HOME, OTHER)
        self.network.drop(HOME)
        self.make_node(max_streams=1)
        self.make_node(OTHER)
        self.told(self.registry())
        second = self.told(self.registry())
        self.advance(3)
        assert [] == second.last
        assert [1, 1] == [self.node(at).watches for at in self.addresses]

    def test_asks_again_after_a_gap(self):
        """
        An update that does not continue what is known is not applied: the rest is asked for.
        """
        registry = self.registry()
        told = self.told(registry)
        instance = an_instance()
        self.node().announce("me", 60.0, [raw(instance)])
        apply = View.fits
        # As if an update was lost on its way.
        self.patch(View, "fits", lambda view, update: False)
        self.advance(0.1)
        assert [] == told.last
        self.patch(View, "fits", apply)
        self.advance(3)
        assert [instance] == told.last
        assert 3 == len(self.calls("watch"))

    def test_a_registry_may_be_stopped_by_its_listener(self):
        """
        Nothing goes on, and nothing is logged.
        """
        registry = self.registry()
        registry.watch("demo.Greeter", lambda snapshot: spawn(registry.stop()))
        self.advance(1)
        assert [] == list(self.network.streams)

    def test_a_fleet_spreads_over_the_servers(self):
        """
        Each process begins with a server of its own choice; or with the first, if told so.
        """
        self.addresses = (HOME, OTHER)
        self.make_node(OTHER)
        for _ in range(20):
            self.told(self.registry())
        watches = [self.node(address).watches for address in self.addresses]
        assert 20 == sum(watches)
        assert min(watches) >= 5
        for _ in range(20):
            self.told(self.registry(shuffle_addresses="no"))
        assert watches[0] + 20 == self.node(HOME).watches

    def test_waits_longer_for_servers_that_do_not_answer(self):
        """
        Servers that are overloaded, all of them, are not asked again every few seconds.
        """
        self.network.frozen.add(HOME)
        told = self.told(self.registry())
        self.advance(44)
        assert 4 == len(self.network.opened)
        self.network.frozen.clear()
        self.advance(30)
        assert [] == told.last
