"""
The registry server by itself: its leases, its limits, its watches.
"""

from __future__ import annotations

import msgspec
import pytest
from twisted.internet.defer import CancelledError, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import Overloaded, Rejected
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.service_class import offered
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.instance import instance_from_json, instance_to_json
from rpcfw_registries.standalone.node.leases import Leases
from rpcfw_registries.standalone.node.service import RegistryNode, node_services
from tests.plugins.registries.options import node_options


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

    def next_of(self, stream):
        return ensureDeferred(stream.__anext__())

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
        stream = self.node.watch("demo.Greeter")
        updates = [self.successResultOf(self.next_of(stream)) for _ in range(3)]
        assert [(True, True), (False, True), (False, False)] == [
            (update.complete, update.more) for update in updates
        ]
        assert [500, 500, 200] == [len(update.put) for update in updates]
        self.failureResultOf(self.cancelled(self.next_of(stream)), CancelledError)

    def cancelled(self, deferred):
        deferred.cancel()
        return deferred

    def test_bounds_the_bytes_of_a_part(self):
        """
        Parts of large records are fewer records each.
        """
        self.node = self.made(max_total_bytes=10 << 20)
        self.announce(*(an_instance(id=f"i{n}", tags={"a": "x" * 10000}) for n in range(50)))
        stream = self.node.watch("demo.Greeter")
        update = self.successResultOf(self.next_of(stream))
        assert update.more
        assert sum(len(bytes(record)) for record in update.put) <= 256 << 10

    def test_gathers_changes_for_a_watcher(self):
        """
        Changes within a moment come as one update, and a slow reader gets the last state.
        """
        stream = self.node.watch("demo.Greeter")
        assert [] == self.successResultOf(self.next_of(stream)).put
        waiting = self.next_of(stream)
        for weight in range(100):
            self.announce(an_instance(id=f"i{weight % 5}", weight=weight))
        self.assertNoResult(waiting)
        self.clock.advance(0.011)
        assert 5 == len(self.successResultOf(waiting).put)
        self.announce(an_instance(id="i0", weight=7))
        self.node.withdraw("me", [("demo.Greeter", "i0"), ("demo.Greeter", "i1")])
        waiting = self.next_of(stream)
        self.clock.advance(0.011)
        update = self.successResultOf(waiting)
        assert ([], ["i0", "i1"]) == (update.put, sorted(update.gone))

    def test_resumes_a_watch(self):
        """
        Who was told all up to a number in this life of the node is told what came since.
        """
        self.announce(an_instance(id="a"), an_instance(id="b"))
        last = self.successResultOf(self.next_of(self.node.watch("demo.Greeter")))
        self.announce(an_instance(id="c"))
        again = self.node.watch("demo.Greeter", last.epoch, last.number)
        update = self.successResultOf(self.next_of(again))
        assert (False, 1) == (update.complete, len(update.put))
        other = self.node.watch("demo.Greeter", "another life", last.number)
        update = self.successResultOf(self.next_of(other))
        assert (True, 3) == (update.complete, len(update.put))

    def test_limits_watches(self):
        """
        More watches than allowed are refused, until one ends.
        """
        self.node = self.made(max_watchers=1)
        first = self.node.watch("demo.Greeter")
        self.successResultOf(self.next_of(first))
        self.failureResultOf(self.next_of(self.node.watch("demo.Greeter")), Overloaded)
        self.successResultOf(ensureDeferred(first.aclose()))
        self.successResultOf(self.next_of(self.node.watch("demo.Greeter")))

    def test_ends_watches_when_it_leaves(self):
        """
        A node that is about to stop sends its watchers elsewhere.
        """
        stream = self.node.watch("demo.Greeter")
        self.successResultOf(self.next_of(stream))
        waiting = self.next_of(stream)
        self.announce(an_instance())
        self.successResultOf(ensureDeferred(self.node.leaving()))
        self.clock.advance(1)
        with pytest.raises(StopAsyncIteration):
            self.failureResultOf(waiting).raiseException()
        self.failureResultOf(self.next_of(self.node.watch("demo.Greeter")), Rejected)

    def test_counts_what_it_holds(self):
        """
        The gauges say how many instances and watches there are.
        """
        values = {family.name: family.of().value for family in self.plugin_context.meter}
        assert 0 == values["rpcfw_registry_instances"]
        stream = self.node.watch("demo.Greeter")
        self.successResultOf(self.next_of(stream))
        self.announce(an_instance(id="a"), an_instance(id="b"), lease_s=1.0)
        self.clock.advance(1.1)
        self.announce(an_instance(id="c"))
        values = {family.name: family.of().value for family in self.plugin_context.meter}
        assert 1 == values["rpcfw_registry_instances"]
        assert 1 == values["rpcfw_registry_watches"]
        assert 2 == values["rpcfw_registry_expired_total"]
