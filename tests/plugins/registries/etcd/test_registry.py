"""
The etcd registry against members in memory.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import TestCase

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.testing.contracts.registry import ReceivedUpdates, RegistryContract, an_instance
from rpcfw.values.call import Call, serving
from rpcfw.values.instance import instance_to_json
from rpcfw.values.metadata import EMPTY
from rpcfw_registries.etcd.messages import RANGE, message
from rpcfw_registries.etcd.registry import EtcdRegistry
from tests.plugins.registries.etcd.etcd_keeping import HOME, KEY, OTHER, Keeping, OnMembers


class TestEtcd(OnMembers, RegistryContract, TestCase):
    async def leave(self):
        self.members.stop(HOME)

    async def come_back(self):
        self.members.start(HOME)


class TestEmptied(OnMembers, RegistryContract, TestCase):
    """
    The same, with a member that has lost all its data when it is back.
    """

    async def leave(self):
        self.members.stop(HOME)

    async def come_back(self):
        for _, ending in self.store.leases.values():
            ending.cancel()
        self.store.reset()
        self.members.start(HOME)


class TestSecondMember(OnMembers, RegistryContract, TestCase):
    """
    The same, with another member taking over.
    """

    addresses = (HOME, OTHER)

    def prepare(self):
        super().prepare()
        self.members.stop(OTHER)

    async def leave(self):
        self.members.stop(HOME)

    async def come_back(self):
        self.members.start(OTHER)


class TestAnnouncing(Keeping):
    def test_a_dead_lease_is_replaced(self):
        """
        A lease that answers "success" and no time to live is known to be dead.
        """
        registry = self.registry()
        self.announced(registry, an_instance(id="a"), an_instance(id="b"))
        (lease,) = self.store.leases
        self.store.revoke(message("LeaseRevokeRequest", ID=lease))
        assert [] == self.keys()
        self.advance(1.6)
        assert ["a", "b"] == self.keys()
        assert [lease] != list(self.store.leases)

    def test_a_lease_that_ends_before_the_first_put_is_replaced(self):
        """
        A put for a lease that etcd does not find is made again for another.
        """
        registry = self.registry()
        self.announced(registry, an_instance(id="a"))
        (lease,) = self.store.leases
        self.store.revoke(message("LeaseRevokeRequest", ID=lease))
        self.announced(registry, an_instance(id="b"))
        assert ["a", "b"] == self.keys()

    def test_renews_at_a_third_of_the_lease(self):
        """
        Two renewals in a row may be lost before an instance is.
        """
        self.announced(self.registry(lease="9s"), an_instance())
        self.advance(60)
        assert 17 <= len(self.asked("LeaseKeepAlive")) <= 23

    def test_what_somebody_waits_for_comes_first(self):
        """
        A change does not wait until the check of hundreds of other keys is over.
        """
        registry = self.registry()
        self.announced(registry, *(an_instance(id=f"i{number}") for number in range(500)))
        before = len(self.asked("Txn"))
        while before == len(self.asked("Txn")):
            self.advance(0.001)
        changed = spawn(registry.announce(an_instance(id="i499", weight=7)))
        for _ in range(6):
            self.advance(0.001)
        self.successResultOf(changed)

    def test_a_check_changes_nothing(self):
        """
        Looking whether all is well makes no revision and no event.
        """
        registry = self.registry()
        self.announced(registry, *(an_instance(id=f"i{number}") for number in range(100)))
        before, asked = self.store.revision, len(self.asked("Txn"))
        self.advance(30)
        assert before == self.store.revision
        assert 10 <= len(self.asked("Txn")) - asked <= 16

    def test_announces_together(self):
        """
        Many instances go in few requests.
        """
        self.announced(self.registry(), *(an_instance(id=f"i{number}") for number in range(300)))
        assert [64, 64, 64, 64, 44] == [len(one.success) for one in self.asked("Txn")]

    def test_large_records_share_no_request(self):
        """
        What is announced together fits into what etcd takes.
        """
        tags = {"filler": "x" * 400_000}
        self.announced(
            self.registry(), *(an_instance(id=f"i{number}", tags=tags) for number in range(7))
        )
        assert 1_500_000 > max(len(one.SerializeToString()) for one in self.asked("Txn"))
        assert 7 == len(self.keys())

    def test_a_late_request_does_no_harm(self):
        """
        What a frozen member carries out when it goes on has no effect that lasts.
        """
        self.addresses = (HOME, OTHER)
        self.members.start(OTHER)
        registry = self.registry()
        self.announced(registry, an_instance(id="a"), an_instance(id="b"))
        told = self.told(self.registry())
        address = self.members.opened[0].address
        self.members.frozen.add(address)
        spawn(registry.announce(an_instance(id="a", weight=1)))
        spawn(registry.announce(an_instance(id="c")))
        self.advance(0.1)
        again = spawn(registry.announce(an_instance(id="a", weight=2)))
        spawn(registry.withdraw(an_instance(id="c")))
        self.advance(5)
        self.successResultOf(again)
        assert ["a", "b"] == self.ids(told)
        self.members.thaw(address)
        self.advance(8)
        assert ["a", "b"] == self.keys()
        assert [2, 70] == [instance.weight for instance in told.last]
        assert 1 == len({kv.lease for kv in self.store.keys.values()})

    def test_a_lost_answer_costs_no_instance(self):
        """
        While all hangs on another lease, no consumer sees anything go.
        """
        self.addresses = (HOME, OTHER)
        self.members.start(OTHER)
        registry = self.registry()
        self.announced(registry, *(an_instance(id=f"i{number}") for number in range(200)))
        told = self.told(self.registry())
        before = len(told.snapshots)
        self.members.frozen.add(self.members.opened[0].address)
        spawn(registry.announce(an_instance(id="new")))
        self.advance(10)
        assert [201] == [len(snapshot.instances) for snapshot in told.snapshots[before:]]

    def test_says_what_is_refused(self):
        """
        An announcement that etcd refuses fails, and is made once it does not.
        """
        self.store.users = {"bob": "xyzzy"}
        self.store.banned = {"bob"}
        registry = self.registry(user="bob", password="xyzzy")
        refused = spawn(registry.announce(an_instance()))
        self.advance(1)
        failure = self.failureResultOf(refused, RegistryError)
        assert "does not permit" in str(failure.value)
        self.store.banned = set()
        self.advance(12)
        assert ["a"] == self.keys()

    def test_without_a_user_is_told(self):
        """
        Where etcd wants a user, the error says what to set.
        """
        self.store.users = {"bob": "xyzzy"}
        refused = spawn(self.registry().announce(an_instance()))
        self.advance(1)
        failure = self.failureResultOf(refused, RegistryError)
        assert "set user and password" in str(failure.value)

    def test_one_refused_record_does_not_keep_the_others(self):
        """
        Of several in one request, those that etcd takes are announced.
        """
        registry = self.registry()
        self.announced(registry, an_instance(id="first"))
        taken = self.store.txn

        def picky(request):
            if any(b"refuse me" in one.request_put.value for one in request.success):
                raise CallError("etcdserver: no", status=Status.INVALID_ARGUMENT)
            return taken(request)

        self.members.actions[next(m for m in self.members.actions if m.name == "Txn")] = picky
        good = [spawn(registry.announce(an_instance(id=f"i{number}"))) for number in range(5)]
        bad = spawn(registry.announce(an_instance(id="bad", tags={"a": "refuse me"})))
        self.advance(1)
        for one in good:
            self.successResultOf(one)
        self.failureResultOf(bad, RegistryError)
        assert 6 == len(self.keys())

    def test_leaves_a_key_to_who_came_later(self):
        """
        A process that was cut off does not take its id back from its successor.
        """
        first, second = self.registry(), self.registry()
        self.announced(first, an_instance(id="a", weight=1))
        self.announced(second, an_instance(id="a", weight=2))
        told = self.told(self.registry())
        for lease in list(self.store.leases)[:1]:
            self.store.revoke(message("LeaseRevokeRequest", ID=lease))
        self.advance(20)
        assert [2] == [instance.weight for instance in told.last]
        assert 1 == len(told.snapshots)

    def test_leaves_nothing_behind(self):
        """
        A registry that stops revokes its lease, and closes its channel.
        """
        registry = self.registry()
        self.announced(registry, an_instance())
        stopped = spawn(registry.stop())
        self.advance(0.1)
        self.successResultOf(stopped)
        assert {} == self.store.leases
        assert all(channel.closed for channel in self.members.opened)
        del self.users[registry]


class TestWatching(Keeping):
    def test_resumes_with_what_it_knows(self):
        """
        After a lost connection the list is not read again, and nothing is missed.
        """
        provider, consumer = self.registry(), self.registry()
        self.announced(provider, an_instance(id="a"))
        told = self.told(consumer)
        self.members.stop(HOME)
        self.advance(1)
        kv = (b"/rpcfw/demo.Greeter/b", instance_to_json(an_instance(id="b")), 0)
        self.store.change(kv)
        self.members.start(HOME)
        self.advance(3)
        assert ["a", "b"] == self.ids(told)
        assert 2 == len(told.snapshots)
        lists = [one for one in self.asked("Range") if one.limit == 1000]
        assert 1 == len(lists)

    def test_reads_again_after_compaction(self):
        """
        A watch that says created and then cancelled for compaction starts over.
        """
        consumer = self.registry()
        told = self.told(consumer)
        self.members.stop(HOME)
        self.store.change((KEY, instance_to_json(an_instance()), 0))
        self.store.compact()
        self.members.start(HOME)
        self.advance(3)
        assert ["a"] == self.ids(told)
        self.store.change((KEY, None, 0))
        self.advance(1)
        assert [] == self.ids(told)

    def test_does_not_read_again_and_again(self):
        """
        However often the history goes, the list is read once a second at most.
        """
        told = self.told(self.registry())
        for _ in range(100):
            self.store.change((KEY, instance_to_json(an_instance()), 0))
            self.store.compact()
            for stream in tuple(self.members.streams):
                stream.say(canceled=True, compact_revision=self.store.compacted)
            self.advance(0.1)
        self.advance(2)
        assert ["a"] == self.ids(told)
        assert len([one for one in self.asked("Range") if one.limit == 1000]) <= 13

    def test_notices_a_missed_change(self):
        """
        The self-check finds that etcd has another number of keys, and reads again.
        """
        told = self.told(self.registry())
        self.store.revision += 1  # so that the watch never hears of it
        self.store.keys[KEY] = message(
            "KeyValue", key=KEY, value=instance_to_json(an_instance()), mod_revision=2
        )
        assert [] == told.last
        self.advance(1)
        other = (b"/rpcfw/demo.Greeter/b", instance_to_json(an_instance(id="b")), 0)
        self.store.change(other)
        self.advance(7)
        assert ["a", "b"] == self.ids(told)

    def test_reads_in_pages(self):
        """
        A long list comes in pages of one revision, however it changes meanwhile.
        """
        for number in range(2500):
            instance = an_instance(id=f"i{number}")
            key = f"/rpcfw/demo.Greeter/i{number}".encode()
            self.store.change((key, instance_to_json(instance), 0))
        told = self.told(self.registry())
        assert [2500] == [len(snapshot.instances) for snapshot in told.snapshots]
        pages = [one for one in self.asked("Range") if one.limit == 1000]
        assert [0, 2501, 2501] == [one.revision for one in pages]

    def test_asks_for_less_when_a_page_is_too_large(self):
        """
        A page over the limit of a message is asked for in parts.
        """
        self.store.largest_answer = 50_000
        for number in range(500):
            instance = an_instance(id=f"i{number}")
            key = f"/rpcfw/demo.Greeter/i{number}".encode()
            self.store.change((key, instance_to_json(instance), 0))
        told = self.told(self.registry())
        assert 500 == len(told.last)

    def test_reads_again_when_the_changes_are_too_large(self):
        """
        Changes that do not fit into a message are no obstacle.
        """
        told = self.told(self.registry())
        self.store.change((KEY, instance_to_json(an_instance()), 0))
        (stream,) = self.members.streams
        stream._messages.clear()  # noqa: SLF001
        stream.broken(CallError("larger than max_receive_bytes", status=Status.RESOURCE_EXHAUSTED))
        self.advance(2)
        assert ["a"] == self.ids(told)

    def test_many_changes_are_few_lists(self):
        """
        Changes that come close together are told together.
        """
        told = self.told(self.registry())
        for number in range(100):
            instance = an_instance(id=f"i{number}")
            key = f"/rpcfw/demo.Greeter/i{number}".encode()
            self.store.change((key, instance_to_json(instance), 0))
            self.clock.advance(0.002)
        self.advance(1)
        assert 100 == len(told.last)
        assert len(told.snapshots) <= 7

    def test_a_revision_in_parts_is_resumed_whole(self):
        """
        If a connection ends within a revision, the whole of it is told again.
        """
        told = self.told(self.registry())
        instances = [an_instance(id=id) for id in "ab"]
        stream = next(iter(self.members.streams))
        self.store.watchers.discard(stream)
        self.store.change(
            *(
                (f"/rpcfw/demo.Greeter/{one.id}".encode(), instance_to_json(one), 0)
                for one in instances
            )
        )
        first = self.store.history[-1][1][0]
        stream.say(events=[first], fragment=True)
        self.advance(0.1)
        self.members.stop(HOME)
        self.members.start(HOME)
        self.advance(3)
        assert ["a", "b"] == self.ids(told)
        first, again = self.asked("Watch")
        assert 2 == first.start_revision == again.start_revision

    def test_a_silent_member_is_left(self):
        """
        One that hangs with its connections open is noticed by the heartbeat.
        """
        self.addresses = (HOME, OTHER)
        self.members.start(OTHER)
        told = self.told(self.registry())
        self.members.frozen.add(self.members.opened[0].address)
        self.store.change((KEY, instance_to_json(an_instance()), 0))
        self.advance(9)
        assert ["a"] == self.ids(told)

    def test_goes_on_when_a_stream_is_old(self):
        """
        A watch that has reached its age is followed by another, without a failure.
        """
        told = self.told(self.registry(heartbeat_interval="60s", self_check_interval="600s"))
        for _ in range(80):
            self.clock.pump([1.0] * 60)
        assert 2 <= len(self.asked("Watch")) <= 4
        assert 1 == len(told.snapshots)
        assert 1 == len(self.members.opened)
        self.store.change((KEY, instance_to_json(an_instance()), 0))
        self.advance(1)
        assert ["a"] == self.ids(told)

    def test_nobody_listening_costs_nothing(self):
        """
        When the last listener has gone the watch ends; the next begins anew.
        """
        registry = self.registry()
        watch = registry.watch("demo.Greeter", ReceivedUpdates())
        self.advance(0.2)
        assert 1 == len(self.members.streams)
        watch.close()
        self.advance(0.2)
        assert set() == self.members.streams
        self.store.change((KEY, instance_to_json(an_instance()), 0))
        assert ["a"] == self.ids(self.told(registry))

    def test_outlives_the_call_it_was_begun_in(self):
        """
        A watch that is begun while a call is served has no part in its deadline.
        """
        seen = []

        def remember(address, protocol, tls=None):
            seen.append(serving.get())
            return self.members.channel_for(0)(address, protocol, tls)

        registry = self.registry()
        around = evolve(self.plugin_context, open_channel=remember)
        registry = EtcdRegistry(registry.options, around)
        self.users = {registry: 0}
        token = serving.set(Call(RANGE, None, EMPTY, 1.0))
        try:
            told = self.told(registry)
        finally:
            serving.reset(token)
        assert [] == told.last
        assert [None] == seen

    def test_a_raising_listener_is_told_the_next_change(self):
        """
        A listener that breaks its contract is logged and stays.
        """
        told = ReceivedUpdates()

        def listener(snapshot):
            told(snapshot)
            raise ValueError("a bug")

        self.registry().watch("demo.Greeter", listener)
        self.advance(0.2)
        self.store.change((KEY, instance_to_json(an_instance()), 0))
        self.advance(0.2)
        assert ["a"] == self.ids(told)
        assert 2 == len(self.flushLoggedErrors(ValueError))

    def test_leaves_out_what_stands_at_a_wrong_key(self):
        """
        A record whose key does not end in its id, or of another service, is none.
        """
        self.store.change((b"/rpcfw/demo.Greeter/b", instance_to_json(an_instance()), 0))
        self.store.change((b"/rpcfw/demo.Greeter/a/a", instance_to_json(an_instance()), 0))
        other = an_instance("demo.Other", id="c")
        self.store.change((b"/rpcfw/demo.Greeter/c", instance_to_json(other), 0))
        assert [] == self.told(self.registry()).last
