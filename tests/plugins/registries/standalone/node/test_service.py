"""
The registry server by itself: its leases, its limits, its watches.
"""

from __future__ import annotations

import msgspec
from twisted.internet.base import DelayedCall
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import Overloaded, Rejected
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.service_class import offered
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.instance import instance_from_json, instance_to_json
from rpcfw_registries.standalone.node.catalog import Catalog, Limits
from rpcfw_registries.standalone.node.leases import Leases
from rpcfw_registries.standalone.node.records import NodeRecords
from rpcfw_registries.standalone.node.service import RegistryNode, node_services
from rpcfw_registries.standalone.updates import Wanted
from tests.plugins.registries.options import node_options
from tests.plugins.registries.standalone.watching import Consumer, ids


def raw(instance):
    """
    Return an instance as it is announced.
    """
    return msgspec.Raw(instance_to_json(instance))


class TestLeases(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.ended = []
        self.pauses = Pauses()
        self.leases = Leases(Timers(self.clock), self.pauses, lambda *key: self.ended.append(key))

    def test_a_node_that_was_away_heard_no_renewals(self):
        """
        What the node lost is added to each lease that was granted before, once.
        """
        self.leases.grant("demo.A", "a", 10)
        self.pauses.add(30)
        self.leases.grant("demo.A", "later", 10)
        self.clock.advance(30)
        assert [("demo.A", "later")] == self.ended
        self.clock.advance(9.9)
        assert 1 == len(self.ended)
        self.clock.advance(0.2)
        assert ("demo.A", "a") == self.ended[-1]

    def test_ends_what_is_not_renewed(self):
        """
        A lease ends once, when its time is over, and not before.
        """
        self.leases.grant("demo.A", "a", 10)
        self.clock.advance(9.9)
        assert [] == self.ended
        self.clock.advance(0.2)
        self.clock.advance(100)
        assert [("demo.A", "a")] == self.ended
        assert 0 == len(self.leases)

    def test_renewing_gives_the_whole_time_again(self):
        """
        What is renewed in time stays, however often.
        """
        self.leases.grant("demo.A", "a", 10)
        for _ in range(10):
            self.clock.advance(8)
            self.leases.grant("demo.A", "a", 10)
        assert [] == self.ended
        self.clock.advance(10.1)
        assert [("demo.A", "a")] == self.ended

    def test_a_shorter_time_counts_too(self):
        """
        Who renews with a shorter lease goes earlier.
        """
        self.leases.grant("demo.A", "a", 60)
        self.leases.grant("demo.A", "a", 5)
        self.clock.advance(5.1)
        assert [("demo.A", "a")] == self.ended

    def test_ended_leases_leave_nothing_behind(self):
        """
        What ended otherwise is not told, and no timer tells of it later.
        """
        self.leases.grant("demo.A", "a", 5)
        self.leases.end("demo.A", "a")
        self.leases.end("demo.A", "a")
        self.leases.grant("demo.A", "b", 5)
        self.leases.end_all()
        self.clock.advance(10)
        assert [] == self.ended


class TestNode(SynchronousTestCase):
    def setUp(self):
        self.plugin_context = plugin_context()
        self.clock = self.plugin_context.clock
        self.node = self.made()

    def made(self, **over):
        node, _ = node_services(node_options(**over), self.plugin_context)
        return node

    def announce(self, *instances, owner="me", lease_s=10.0):
        return self.node.announce(owner, lease_s, [raw(instance) for instance in instances])

    def ids(self, service="demo.Greeter"):
        changes = self.node.catalog.changes(service, None)
        return sorted(instance_from_json(record).id for record in changes.put)

    def consumer(self):
        consumer = Consumer(self.node, self.clock)
        self.addCleanup(consumer.close)
        return consumer

    def watching(self, **has):
        consumer = self.consumer()
        consumer.add(**has)
        return consumer

    def test_can_be_served(self):
        """
        The node is a service like any other, and all it does may be repeated.
        """
        methods = {one.method.name: one.method for one in offered(RegistryNode)}
        assert {"announce", "renew", "withdraw", "services", "watch"} == set(methods)
        assert all(method.idempotent for method in methods.values())
        assert "rpcfw.registry.v1.Registry" == RegistryNode.service_name

    def test_drops_what_is_not_renewed(self):
        """
        Instances whose provider says nothing more are gone after the lease.
        """
        self.announce(an_instance(id="a"), an_instance(id="b"))
        self.clock.advance(6)
        renewed = self.node.renew("me", 10.0, [("demo.Greeter", "b")])
        self.clock.advance(6)
        assert [] == renewed.missing
        assert ["b"] == self.ids()

    def test_names_what_it_does_not_know(self):
        """
        A renewal says what has to be announced again.
        """
        self.announce(an_instance(id="a"))
        keys = [("demo.Greeter", "a"), ("demo.Greeter", "b"), ("demo.Unknown", "a")]
        assert keys[1:] == self.node.renew("me", 10.0, keys).missing

    def test_grants_leases_within_its_bounds(self):
        """
        A lease is neither so short that nobody could renew it nor for ever.
        """
        assert 1.0 == self.announce(an_instance(), lease_s=0.0).lease_s
        assert 60.0 == self.announce(an_instance(), lease_s=1e9).lease_s
        assert 1.0 == self.node.renew("me", -5.0, []).lease_s
        self.clock.advance(60.1)
        assert [] == self.ids()

    def test_the_last_to_announce_owns(self):
        """
        A process that takes over an id is not disturbed by the end of the former.
        """
        self.announce(an_instance(), owner="old", lease_s=10.0)
        self.clock.advance(5)
        self.announce(an_instance(weight=1), owner="new", lease_s=10.0)
        key = [("demo.Greeter", "a")]
        assert [] == self.node.renew("old", 60.0, key).missing
        assert 0 == self.node.withdraw("old", key)
        assert ["a"] == self.ids()
        self.clock.advance(10.1)
        assert [] == self.ids()

    def test_withdraws(self):
        """
        What is withdrawn is gone, and its lease with it.
        """
        self.announce(an_instance())
        assert 1 == self.node.withdraw("me", [("demo.Greeter", "a"), ("demo.Greeter", "b")])
        assert [] == self.ids()
        assert ["demo.Greeter"] == self.node.services()

    def test_refuses_what_is_no_record(self):
        """
        What consumers could not read is refused for good, and the rest is taken.
        """
        bad = [
            msgspec.Raw(b"[]"),
            msgspec.Raw(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
            raw(an_instance(tags={"a": "x" * 17000})),
            raw(an_instance(service="s" * 257)),
            raw(an_instance(id="")),
            raw(an_instance()),
        ]
        granted = self.node.announce("me", 10.0, bad)
        assert [0, 1, 2, 3, 4] == [refusal.index for refusal in granted.refused]
        assert all(refusal.final for refusal in granted.refused)
        assert ["a"] == self.ids()

    def test_refuses_characters_that_drive_terminals(self):
        """
        No text of an instance holds controls, turns text around, or is longer than a name.
        """
        bad = [
            an_instance(**{field: text})
            for field in ("service", "id", "zone", "group", "version")
            for text in ("a\x1bb", "a\nb", "a\x00b", "a\u202eb", "x" * 257)
        ]
        bad += [an_instance(tags=tags) for tags in ({"a\x1b": "b"}, {"a": "b\u2066"})]
        bad += [an_instance(protocols=("native\r",)), an_instance(tags={"a" * 257: ""})]
        bad += [an_instance(tags={str(number): "" for number in range(101)})]

        granted = self.node.announce("me", 10.0, [raw(one) for one in bad])

        assert list(range(len(bad))) == [refusal.index for refusal in granted.refused]
        assert all(refusal.final and refusal.reason.isprintable() for refusal in granted.refused)
        assert [] == self.node.services()

    def test_full_is_not_for_good(self):
        """
        What there is no room for may be announced again later.
        """
        self.node = self.made(max_instances=1)
        granted = self.announce(an_instance(id="a"), an_instance(id="b"))
        (refusal,) = granted.refused
        assert (1, False) == (refusal.index, refusal.final)
        assert "limit of 1 instances" in refusal.reason

    def test_keeps_what_it_does_not_know_of_a_record(self):
        """
        Fields of a newer version pass through the node unchanged.
        """
        record = b'{"service":"demo.Greeter","id":"a","address":"tcp:h:1","colour":"red"}'
        self.node.announce("me", 10.0, [msgspec.Raw(record)])
        assert (record,) == self.node.catalog.changes("demo.Greeter", None).put

    def test_watches_in_parts(self):
        """
        A long list comes in parts, of which the last says that this was all.
        """
        self.node = self.made(max_instances=2000)
        for start in range(0, 1200, 400):
            self.announce(*(an_instance(id=f"i{start + n}") for n in range(400)))
        updates = self.watching().read()
        assert [(True, True), (False, True), (False, False)] == [
            (update.complete, update.more) for update in updates
        ]
        assert [500, 500, 200] == [len(update.put) for update in updates]

    def test_bounds_the_bytes_of_a_message(self):
        """
        Large records are in several messages, whether of one service or of many.
        """
        self.node = self.made(max_total_bytes=10 << 20)
        tags = {"a": "x" * 10000}
        self.announce(*(an_instance(id=f"i{n}", tags=tags) for n in range(50)))
        for n in range(50):
            self.announce(an_instance(service=f"demo.S{n}", tags=tags))
        consumer = self.consumer()
        services = ["demo.Greeter", *(f"demo.S{n}" for n in range(50))]
        consumer.request(add=[Wanted(service) for service in services])
        assert 100 == sum(len(update.put) for update in consumer.read())
        sizes = [sum(map(len, map(bytes, each.updates))) for each in consumer.messages]
        assert max(sizes) <= 270 << 10
        assert len(sizes) <= 6

    def test_gathers_changes(self):
        """
        Changes within a moment come as one update, with the last state of each instance.
        """
        consumer = self.watching()
        assert [] == consumer.last().put
        for weight in range(100):
            self.announce(an_instance(id=f"i{weight % 5}", weight=weight))
        assert [] == consumer.read()
        assert 5 == len(consumer.last(0.011).put)
        self.announce(an_instance(id="i0", weight=7))
        self.node.withdraw("me", [("demo.Greeter", "i0"), ("demo.Greeter", "i1")])
        update = consumer.last(0.011)
        assert ([], ["i0", "i1"]) == (update.put, sorted(update.gone))

    def test_one_message_has_the_changes_of_many_services(self):
        """
        What changes at the same time of all that one consumer watches comes together.
        """
        consumer = self.consumer()
        consumer.request(add=[Wanted(f"demo.S{n}") for n in range(20)])
        assert 20 == len(consumer.read())
        before = len(consumer.messages)
        for n in range(30):
            self.announce(an_instance(service=f"demo.S{n}"))
        self.clock.advance(0.011)
        updates = consumer.read()
        assert {f"demo.S{n}" for n in range(20)} == {update.service for update in updates}
        assert before + 1 == len(consumer.messages)

    def test_a_slow_consumer_gets_the_last_state(self):
        """
        However much has changed while a consumer did not read, it is sent each instance once.
        """
        consumer = self.watching()
        consumer.read()
        for weight in range(50):
            self.announce(*(an_instance(id=f"i{n}", weight=weight) for n in range(3)))
            self.clock.advance(0.1)
        # It had asked for one message already.
        first, second = consumer.read()
        assert ["i0", "i1", "i2"] == ids(first) == ids(second)
        weights = {instance_from_json(bytes(each)).weight for each in second.put}
        assert ({49}, first.number) == (weights, second.since)

    def test_a_slow_consumer_can_ask_for_more(self):
        """
        However much changes while a consumer reads slowly, what it asks for is answered.
        """
        services = [f"demo.S{number}" for number in range(10)]
        tags = {f"t{number}": "x" * 1000 for number in range(14)}

        def change(weight):
            for service in services:
                self.announce(
                    *(
                        an_instance(id=f"i{n}", service=service, weight=weight, tags=tags)
                        for n in range(8)
                    )
                )
            self.clock.advance(0.1)

        consumer = self.consumer()
        for service in services:
            consumer.add(service)
        consumer.read()
        change(1)
        consumer.read(1)
        consumer.add("demo.Other")
        consumer.add("demo.Third")
        for weight in range(2, 30):
            change(weight)
            if any(update.service == "demo.Third" for update in consumer.read(1)):
                return
        self.fail("no answer")

    def test_a_consumer_that_was_too_slow_gets_the_list_anew(self):
        """
        If the removals since are forgotten, the whole list comes.
        """
        catalog = Catalog(Limits(tombstones=2))
        records = NodeRecords(None, 1, 1, self.plugin_context)
        self.node = RegistryNode(
            node_options(), self.plugin_context, catalog, self.node.guard, records
        )
        consumer = self.watching()
        consumer.read()
        for n in range(5):
            self.announce(an_instance(id=f"i{n}"))
        self.clock.advance(0.1)
        for n in range(4):
            self.node.withdraw("me", [("demo.Greeter", f"i{n}")])
        self.clock.advance(0.1)
        first, second = consumer.read()
        assert not first.complete
        assert (True, ["i4"]) == (second.complete, ids(second))

    def test_sends_only_what_is_wanted(self):
        """
        A change of another service, or of one that was removed, sends nothing.
        """
        consumer = self.watching()
        consumer.add("demo.Other")
        consumer.read()
        consumer.request(remove=["demo.Other"])
        consumer.read()
        before = len(consumer.messages)
        self.announce(an_instance(service="demo.Other"), an_instance(service="demo.Third"))
        self.clock.advance(1)
        assert [] == consumer.read()
        assert before == len(consumer.messages)
        assert 1 == self.node.watches

    def test_encodes_a_change_once(self):
        """
        All consumers of a service are sent the same bytes.
        """
        consumers = [self.watching() for _ in range(5)]
        for each in consumers:
            each.read()
        self.announce(an_instance())
        self.clock.advance(0.1)
        for each in consumers:
            each.read()
        packed = {id(each.messages[-1].updates[0]) for each in consumers}
        assert 1 == len(packed)

    def test_resumes_a_watch(self):
        """
        Who was told all up to a number in this life of the node is told what came since.
        """
        self.announce(an_instance(id="a"), an_instance(id="b"))
        last = self.watching().last()
        self.announce(an_instance(id="c"))
        update = self.watching(epoch=last.epoch, number=last.number).last()
        assert (False, last.number, ["c"]) == (update.complete, update.since, ids(update))
        update = self.watching(epoch="another life", number=last.number).last()
        assert (True, 3) == (update.complete, len(update.put))

    def test_limits_watches(self):
        """
        More watches than allowed are refused one by one, until one ends.
        """
        self.node = self.made(max_watches=1)
        first = self.watching()
        assert not first.last().refused
        second = self.watching()
        update = second.last()
        assert ("this server has its limit of max_watches = 1", False) == (
            update.refused,
            update.final,
        )
        first.close()
        second.add()
        assert not second.last().refused

    def test_limits_streams(self):
        """
        More consumers than allowed are refused, until one goes.
        """
        self.node = self.made(max_streams=1)
        first = self.consumer()
        second = self.consumer()
        assert isinstance(second.ended, Overloaded)
        assert "max_streams = 1" in str(second.ended)
        first.close()
        assert self.consumer().ended is None

    def test_ends_watches_when_it_leaves(self):
        """
        A node that is about to stop sends its consumers elsewhere.
        """
        consumer = self.watching()
        consumer.read()
        self.announce(an_instance())
        self.successResultOf(ensureDeferred(self.node.leaving()))
        self.clock.advance(1)
        assert [] == consumer.read()
        assert consumer.ended is True
        assert isinstance(self.consumer().ended, Rejected)
        assert 0 == self.node.watches

    def test_wakes_some_consumers_at_a_time(self):
        """
        A change that concerns very many does not keep the server for itself.
        """
        self.node = self.made(max_watches=1000)
        consumers = [self.watching() for _ in range(250)]
        for each in consumers:
            each.read()
        self.announce(an_instance())
        woken = []
        for _ in range(4):
            # One call of the clock at a time, not all that comes due in the same moment.
            call = min(self.clock.getDelayedCalls(), key=DelayedCall.getTime)
            self.clock.calls.remove(call)
            call.func(*call.args)
            woken.append(sum(each.is_answered for each in consumers))
        assert [0, 100, 200, 250] == woken

    def test_counts_what_it_holds(self):
        """
        The gauges say how many instances and watches there are.
        """
        values = {family.name: family.of().value for family in self.plugin_context.meter}
        assert 0 == values["rpcfw_registry_instances"]
        self.watching()
        self.announce(an_instance(id="a"), an_instance(id="b"), lease_s=1.0)
        self.clock.advance(1.1)
        self.announce(an_instance(id="c"))
        values = {family.name: family.of().value for family in self.plugin_context.meter}
        assert 1 == values["rpcfw_registry_instances"]
        assert 1 == values["rpcfw_registry_watches"]
        assert 1 == values["rpcfw_registry_watch_streams"]
        assert 2 == values["rpcfw_registry_expired_total"]
