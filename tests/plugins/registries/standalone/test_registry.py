"""
The standalone registry against nodes in memory.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.trial.unittest import SynchronousTestCase, TestCase

from rpcfw.errors import PermissionDenied, RegistryError, SettingsError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, RegistryContract, an_instance
from rpcfw.values.instance import instance_to_json
from tests import folders
from tests.plugins.registries.standalone.callers import called_by
from tests.plugins.registries.standalone.on_network import HOME, OTHER, Alone, OnANetwork, raw


class TestStandalone(OnANetwork, RegistryContract, TestCase):
    async def leave(self):
        self.node = self.network.nodes[HOME]
        self.network.drop(HOME)

    async def come_back(self):
        self.network.nodes[HOME] = self.node


class TestRestartedNode(OnANetwork, RegistryContract, TestCase):
    """
    The same, with a node that knows nothing when it is back.
    """

    async def leave(self):
        self.network.drop(HOME)

    async def come_back(self):
        self.make_node()


class TestSecondNode(OnANetwork, RegistryContract, TestCase):
    """
    The same, with another node taking over.
    """

    addresses = (HOME, OTHER)

    async def leave(self):
        self.network.drop(HOME)

    async def come_back(self):
        self.make_node(OTHER)


class TestKeeping(Alone, SynchronousTestCase):
    """
    What the contract does not ask: how it behaves when things go wrong.
    """

    def test_a_restarted_node_costs_no_instance(self):
        """
        While providers announce again at a node that knows nothing, none is told gone.
        """
        one, other = self.registry(), self.registry()
        self.announced(one, an_instance(id="a"))
        self.announced(other, an_instance(id="b"))
        told = self.told(self.registry())
        before = len(told.snapshots)
        self.network.drop(HOME)
        self.make_node()
        self.advance(30)
        assert all(2 == len(snapshot.instances) for snapshot in told.snapshots[before:])
        assert 2 == len(self.node().catalog.changes("demo.Greeter", None).put)

    def test_what_does_not_come_back_to_a_restarted_node_goes(self):
        """
        What a restarted node is not told of again vanishes after the time of a lease.
        """
        gone, stays = self.registry(), self.registry()
        self.announced(gone, an_instance(id="a"))
        self.announced(stays, an_instance(id="b"))
        told = self.told(self.registry())
        self.network.cut(self.users[gone])
        self.network.drop(HOME)
        self.make_node()
        self.advance(3.5)
        assert ["a", "b"] == [instance.id for instance in told.last]
        self.advance(2)
        assert ["b"] == [instance.id for instance in told.last]

    def test_nothing_goes_while_nobody_can_say(self):
        """
        What a restarted node lacks is not dropped while that node is away again.
        """
        gone = self.registry()
        self.announced(gone, an_instance(id="a"))
        told = self.told(self.registry())
        self.network.cut(self.users[gone])
        self.network.drop(HOME)
        self.make_node()
        self.advance(1)
        self.network.drop(HOME)
        self.advance(20)
        assert ["a"] == [instance.id for instance in told.last]
        self.make_node()
        self.advance(7)
        assert [] == told.last

    def test_resumes_with_what_it_knows(self):
        """
        After a lost connection to the same node a watch asks for no more than it missed.
        """
        provider, consumer = self.registry(), self.registry()
        self.announced(provider, an_instance(id="a"), an_instance(id="b"))
        told = self.told(consumer)
        node = self.node()
        self.network.drop(HOME)
        self.network.nodes[HOME] = node
        before = len(told.snapshots)
        self.advance(5)
        (first,), (again,) = (request.add for request in self.calls("watch"))
        assert ("", 0) == (first.epoch, first.number)
        assert (node.epoch, 2) == (again.epoch, again.number)
        assert before == len(told.snapshots)

    def test_goes_on_when_a_stream_is_old(self):
        """
        A stream that has reached its age is followed by another, without a failure.
        """
        provider, consumer = self.registry(lease=60.0), self.registry()
        self.announced(provider, an_instance(id="a"))
        told = self.told(consumer)
        for _ in range(80):
            self.clock.pump([1.0] * 60)
        assert 2 <= len(self.calls("watch")) <= 4
        assert 1 == len(told.snapshots)
        assert 2 == len(self.network.opened)
        self.announced(provider, an_instance(id="b"))
        self.advance(0.1)
        assert 2 == len(told.last)

    def test_renews_at_a_third_of_the_lease(self):
        """
        Two renewals in a row may be lost before an instance is.
        """
        self.announced(self.registry(lease=9.0), an_instance())
        self.advance(60)
        assert 17 <= len(self.calls("renew")) <= 23

    def test_renews_by_the_granted_lease(self):
        """
        What counts is the lease that the node gave, not the one asked for.
        """
        self.network.drop(HOME)
        self.make_node(max_lease=3.0)
        self.announced(self.registry(lease=60.0), an_instance())
        self.advance(30)
        assert 1 == len(self.node().catalog.changes("demo.Greeter", None).put)

    def test_announces_together(self):
        """
        What is announced while a call is under way goes in the next one, together.
        """
        self.announced(self.registry(), *(an_instance(id=f"i{n}") for n in range(900)))
        assert [1, 500, 399] == [len(request.records) for request in self.calls("announce")]

    def test_says_what_is_refused_for_good(self):
        """
        An announcement that the node will never take fails, and the others do not.
        """
        registry = self.registry()
        refused = spawn(registry.announce(an_instance(tags={"a": "x" * 20000})))
        self.announced(registry, an_instance(id="b"))
        failure = self.failureResultOf(refused, RegistryError)
        assert "at most 16384 are taken" in str(failure.value)
        self.advance(30)
        assert 2 == len(self.calls("announce"))

    def test_without_permission_is_for_good(self):
        """
        A node that refuses this process fails its announcements.
        """
        self.network.refusal = PermissionDenied("not you")
        refused = spawn(self.registry().announce(an_instance()))
        self.advance(1)
        assert "not you" in str(self.failureResultOf(refused, RegistryError).value)

    def test_a_full_node_is_asked_again(self):
        """
        What has no room is announced until it has, and what is there stays there.
        """
        self.network.drop(HOME)
        self.make_node(max_instances=1)
        first, second = self.registry(), self.registry()
        self.announced(first, an_instance(id="a"))
        waiting = spawn(second.announce(an_instance(id="b")))
        self.advance(20)
        self.assertNoResult(waiting)
        assert self.node().catalog.get("demo.Greeter", "a")
        spawn(first.withdraw(an_instance(id="a")))
        self.advance(2)
        self.successResultOf(waiting)

    def test_says_that_another_client_holds_its_instance(self):
        """
        A provider is told whose instance another client announced first at a restarted node.

        It is back when that one is gone.
        """
        registry, instance = self.registry(lease=2.0), an_instance(id="a")
        self.announced(registry, instance)
        self.network.drop(HOME)
        node = self.make_node()
        other = [raw(an_instance(id="a", weight=7))]
        with called_by(("hmac:other",)):
            assert [] == node.announce("other", 6.0, other).refused
        self.advance(5)
        assert "another client has announced it, and its lease is not over" in registry.trouble
        assert "other" == node.catalog.get("demo.Greeter", "a").owner
        self.advance(3)
        assert "" == registry.trouble
        assert instance_to_json(instance) == node.catalog.get("demo.Greeter", "a").record

    def test_is_back_when_a_mistake_in_the_rules_is_corrected(self):
        """
        What the access rules did not allow for a while is announced again within about a minute.
        """
        rules = Path(folders.temporary_folder(self)) / "access"

        def write(text, at):
            rules.write_text(text)
            os.utime(rules, (at, at))

        write("allow action=announce\n", 1)
        self.network.drop(HOME)
        node, registry = self.make_node(access_file=rules), self.registry()
        self.announced(registry, an_instance(id="a"))
        write("allow action=watch\n", 2)
        self.advance(10)
        assert node.catalog.get("demo.Greeter", "a") is None
        assert "may not announce service demo.Greeter" in registry.trouble
        write("allow action=announce\n", 3)
        self.advance(75)
        assert node.catalog.get("demo.Greeter", "a")
        assert "" == registry.trouble

    def test_full_for_one_does_not_starve_the_other(self):
        """
        While one instance waits for room, the leases of the process are renewed.
        """
        self.network.drop(HOME)
        self.make_node(max_instances=1)
        registry = self.registry()
        self.announced(registry, an_instance(id="a"))
        waiting = spawn(registry.announce(an_instance(id="b")))
        self.advance(20)
        self.assertNoResult(waiting)
        assert self.node().catalog.get("demo.Greeter", "a")
        spawn(registry.withdraw(an_instance(id="b")))
        self.advance(1)

    def test_a_frozen_node_is_left(self):
        """
        A node that accepts and never answers is given up for the next address.
        """
        self.addresses = (HOME, OTHER)
        self.network.frozen.add(HOME)
        self.make_node(OTHER)
        provider = self.registry()
        announced = spawn(provider.announce(an_instance()))
        told = self.told(self.registry())
        self.advance(4)
        self.successResultOf(announced)
        assert [an_instance()] == told.last

    def test_leaves_a_node_that_stops(self):
        """
        A node that is about to stop sends its consumers to the next address.
        """
        self.addresses = (HOME, OTHER)
        self.make_node(OTHER)
        told = self.told(self.registry())
        spawn(self.node().leaving())
        self.advance(3)
        elsewhere = [channel for channel in self.network.opened if channel.address == OTHER]
        assert 1 == len(elsewhere)
        self.node(OTHER).announce("me", 60.0, [raw(an_instance())])
        self.advance(1)
        assert [an_instance()] == told.last

    def test_a_record_may_be_replaced_on_its_way(self):
        """
        What is announced anew, or withdrawn, while a call is under way wins.
        """
        registry = self.registry()
        first = spawn(registry.announce(an_instance(weight=1)))
        spawn(registry.announce(an_instance(id="b")))
        self.clock.advance(0.0015)
        again = spawn(registry.announce(an_instance(weight=2)))
        spawn(registry.withdraw(an_instance(id="b")))
        self.advance(1)
        self.successResultOf(first)
        self.successResultOf(again)
        told = self.told(self.registry())
        assert [an_instance(weight=2)] == told.last

    def test_does_not_hammer_a_dead_node(self):
        """
        However many watches there are, a dead node is tried now and then.
        """
        self.network.drop(HOME)
        registry = self.registry()
        for number in range(50):
            registry.watch(f"demo.S{number}", ReceivedUpdates())
        self.advance(60)
        assert 25 <= len(self.network.opened) <= 50
        assert all(channel.closed for channel in self.network.opened[:-1])

    def test_a_refused_watch_does_not_disturb_the_others(self):
        """
        A watch over the node's limit is tried again; nothing else notices.
        """
        self.network.drop(HOME)
        self.make_node(max_watches=1)
        registry = self.registry()
        told, refused = ReceivedUpdates(), ReceivedUpdates()
        watch = registry.watch("demo.Greeter", told)
        self.advance(0.1)
        other = registry.watch("demo.Other", refused)
        self.announced(registry, an_instance())
        self.advance(10)
        assert [an_instance()] == told.last
        assert 1 == len(self.network.opened)
        assert [] == refused.snapshots
        assert "refuses the watch: this server has its limit of max_watches = 1" in other.trouble
        assert ("", "") == (watch.trouble, registry.trouble)
        watch.close()
        self.advance(3)
        assert "" == other.trouble
        assert [] == refused.last

    def test_a_raising_listener_is_told_the_next_change(self):
        """
        A listener that breaks its contract is logged and stays.
        """
        told = ReceivedUpdates()

        def listener(snapshot):
            told(snapshot)
            raise ValueError("a bug")

        registry = self.registry()
        registry.watch("demo.Greeter", listener)
        self.advance(0.1)
        self.announced(registry, an_instance())
        self.advance(0.1)
        assert [an_instance()] == told.last
        assert 2 == len(self.flushLoggedErrors(ValueError))

    def test_services_of_a_node_that_is_away(self):
        """
        When no node answers, asking for services is an error and not a wait.
        """
        self.network.drop(HOME)
        asked = spawn(self.registry().services())
        self.advance(1)
        assert "refuses the connection" in str(self.failureResultOf(asked, RegistryError).value)

    def test_many_changes_reach_a_consumer_as_few_lists(self):
        """
        However fast the list changes, a listener gets one in 50 ms, and then the newest.
        """
        told = self.told(self.registry())
        before = len(told.snapshots)
        for count in range(30):
            instance = an_instance(id="a", weight=count + 1)
            self.node().replica.put(instance.service, "a", instance_to_json(instance), "somebody")
            self.advance(0.02)
        self.advance(0.1)
        assert 10 <= len(told.snapshots) - before <= 14
        assert [30] == [each.weight for each in told.snapshots[-1].instances]

    def test_a_closed_watch_gets_no_list_that_was_due(self):
        """
        Nothing is left on the clock by a watch that is closed while a list waits.
        """
        registry = self.registry()
        told = ReceivedUpdates()
        watch = registry.watch("demo.Greeter", told)
        self.advance(0.1)
        for weight in (1, 2):
            instance = an_instance(id="a", weight=weight)
            self.node().replica.put(instance.service, "a", instance_to_json(instance), "somebody")
            self.advance(0.02)
        before = len(told.snapshots)
        watch.close()
        self.advance(1)
        assert before == len(told.snapshots)

    def test_leaves_nothing_running(self):
        """
        After stop there is nothing on the clock and no open channel.
        """
        registry = self.registry()
        self.announced(registry, an_instance())
        self.told(registry)
        stopped = spawn(registry.stop())
        self.advance(0.1)
        self.successResultOf(stopped)
        assert all(channel.closed for channel in self.network.opened)
        # What is left may only be a bucket of the node's leases.
        self.advance(10)
        assert [] == self.clock.getDelayedCalls()

    def test_needs_an_address(self):
        """
        A registry without an address cannot be made.
        """
        self.addresses = ()
        with pytest.raises(SettingsError, match="address"):
            self.registry()
