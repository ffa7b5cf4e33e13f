"""
The replica of one registry server: what it takes from clients and peers, within bounds.
"""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from twisted.internet.defer import ensureDeferred
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import Overloaded, PermissionDenied
from rpcfw.kernel.settings import options_of
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_buses.memory import MemoryBus, MemoryBusOptions
from rpcfw_registries.standalone.messages import MAX_COUNTER
from rpcfw_registries.standalone.node.catalog import Catalog, Limits
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.replication.copy import BUCKETS
from rpcfw_registries.standalone.node.replication.group import BusOfGroup
from rpcfw_registries.standalone.node.replication.messages import (
    Change,
    Entry,
    Message,
    State,
    parts,
)
from rpcfw_registries.standalone.node.replication.peers import Peers
from rpcfw_registries.standalone.node.replication.replica import Replica
from rpcfw_registries.standalone.node.replication.times import Times
from rpcfw_registries.standalone.node.service import node_services
from tests.plugins.registries.standalone.node.test_guard import OTHER, SHOP, Node, called_by

TIMES = Times()


def replica(name="n", limits=None):
    return Replica(name, name, Catalog(limits), 0.0, max_removed=5000, written=bool)


def entry(id, counter=1, node="peer", record=b"{}"):
    return Entry("demo.A", id, counter, node, State.LIVE, "owner", record)


def compared(to, source):
    """
    Have a replica take all that another has.
    """
    to.merge_copy(source.copy.entries(range(BUCKETS)))


class NodeOfGroup(Node):
    """
    A registry server of a group, as its callers see it.
    """

    def __init__(self, name, **options):
        context = plugin_context(random=Random(name))
        self.clock = context.clock
        self.bus = MemoryBus(MemoryBusOptions(name=name), context)
        self.options = options_of(NodeOptions, **options)
        group = BusOfGroup(self.bus, "memory:a")
        self.service, *_ = node_services(self.options, context, group)


def test_an_instance_of_an_identity_is_protected_at_every_server():
    """
    Nobody else can replace or withdraw, at one server, what was announced at another.

    The client that announced it may go on anywhere.
    """
    one, two = NodeOfGroup("one"), NodeOfGroup("two")
    with called_by(SHOP):
        one.announce("a")
    compared(two.service.replica, one.service.replica)
    with called_by(OTHER):
        assert ["another client has announced it, and its lease is not over"] == two.announce("a")
        assert 0 == two.withdraw("a")
    with called_by():
        assert 1 == len(two.announce("a", owner="somebody"))
    with called_by((*SHOP, *OTHER)):
        assert [] == two.announce("a", weight=7)
    assert ["a"] == two.ids


def test_a_lost_instance_may_be_announced_by_anybody():
    """
    Once its lease is over, an id is free again.
    """
    one, two = NodeOfGroup("one"), NodeOfGroup("two")
    with called_by(SHOP):
        one.announce("a")
        one.withdraw("a")
    compared(two.service.replica, one.service.replica)
    with called_by(OTHER):
        assert [] == two.announce("a")


def test_a_renewed_version_keeps_its_holder():
    """
    A server that contradicts a removal announces for the same client.
    """
    one, two = replica("one"), replica("two")
    one.put("demo.A", "i", b"{}", "owner", holder=SHOP)
    lost = msgspec.structs.replace(one.copy.get(("demo.A", "i")), state=State.LOST)
    one.merge([lost])
    one.renewed("demo.A", "i")
    compared(two, one)
    assert SHOP == two.holder(("demo.A", "i"))


def test_every_change_fits_into_a_message_of_the_bus():
    """
    Long names in any script are counted as well as the records, so no message is refused.
    """
    long = "語" * 256
    node = replica()
    for number in range(500):
        node.put(long, f"{number:03}" + long[3:], b"{}", long, holder=(long,) * 16)
    sizes = [len(msgspec.msgpack.encode(message)) for message in node.take_messages()]
    assert 1 < len(sizes)
    assert max(sizes) <= MemoryBus.max_message_bytes


def test_small_entries_share_a_message():
    """
    Entries of the usual size are sent hundreds at a time.
    """
    usual = [entry(f"i{number}", record=b"x" * 300) for number in range(1000)]
    assert 4 >= len(list(parts(usual)))


def test_a_client_cannot_use_the_counters_up():
    """
    Providers that pretend to have seen the highest version move the counter by little.

    However often they announce: the counter lasts for more than ten years.
    """
    node = replica()
    seconds = 10
    for now in range(seconds):
        node.look(now)
        for number in range(500):
            node.put("demo.A", f"i{number}", b"{}", "owner", seen=MAX_COUNTER)
    change, *_ = node.take_messages()
    assert isinstance(change, Change)
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(change), type=Message)
    last = max(each.counter for each in read.entries)
    assert MAX_COUNTER / last * seconds > 10 * 365 * 86_400


def test_a_new_version_is_a_change_of_its_client():
    """
    Each version goes to every server. So it counts, even if the instance is as before.
    """
    node = NodeOfGroup("one", max_client_changes="1/s")
    with called_by(SHOP):
        for _ in range(61):
            assert [] == node.announce("a", seen=MAX_COUNTER)
        with pytest.raises(Overloaded, match="max_client_changes"):
            node.announce("a", seen=MAX_COUNTER)


@pytest.mark.parametrize(
    "hostile",
    [
        msgspec.msgpack.encode(
            {"type": "digest", "node": "X", "address": "", "number": 1, "hash": ""}
        ).replace(b"X", b"\xff"),
        b"\x82\xa4type\xa6digest\xa4deep" + b"\x91" * 100_000 + b"\x01",
        b"",
    ],
    ids=["text that is no UTF-8", "nested too deep", "nothing"],
)
def test_what_the_bus_carries_may_be_anything(hostile):
    """
    A message that cannot be read is named in the log, and a flood of them does not fill it.
    """
    node = NodeOfGroup("one")
    ensureDeferred(node.service.started())
    with capturedLogs() as events:
        for _ in range(100):
            node.bus.deliver("rpcfw.registry.default", hostile)
    assert {f"a message of {len(hostile)} bytes on the bus cannot be read"} == {
        formatEvent(each).partition(":")[0] for each in events
    }
    assert len(events) < 10


def test_the_announcement_after_a_clamped_one_wins():
    """
    A provider that is truly ahead of its new server wins once that has seen the former version.
    """
    node = replica()
    node.put("demo.A", "i", b"new", "owner", seen=1 << 40)
    node.merge([entry("i", 1 << 40, record=b"old")])
    assert not node.renewed("demo.A", "i")
    node.put("demo.A", "i", b"new", "owner", seen=1 << 40)
    assert (1 << 40) + 1 == node.copy.get(("demo.A", "i")).counter


def test_a_renewal_says_which_version_it_made():
    """
    A server that contradicts a removal makes a version; the provider learns it with the renewal.

    What the provider announces at another server then is newer than that.
    """
    node = NodeOfGroup("one")
    with called_by(SHOP):
        node.announce("a")
        entry = node.service.replica.copy.get(("demo.Greeter", "a"))
        node.service.replica.merge([msgspec.structs.replace(entry, state=State.LOST)])
        renewed = node.service.renew("me", 10.0, [("demo.Greeter", "a")])
    assert ([], entry.counter + 1) == (renewed.missing, renewed.version)


def test_a_removal_is_forgotten_although_others_remember_it():
    """
    Two servers do not remind each other of removals for ever. One that has just started is told.
    """
    one, two, new = replica("one"), replica("two"), replica("new")
    new.joining = True
    one.put("demo.A", "i", b"{}", "owner")
    compared(two, one)
    one.remove("demo.A", "i")
    compared(two, one)
    key = "demo.A", "i"
    assert State.REMOVED is two.copy.get(key).state
    one.look(TIMES.forget_after_s + 1)
    compared(one, two)
    assert one.copy.get(key) is None
    compared(new, two)
    assert State.REMOVED is new.copy.get(key).state


def test_a_lost_server_costs_no_long_turn():
    """
    What a lost server kept is removed in portions, and those removals are forgotten in portions.

    If it comes back meanwhile, the rest stays.
    """
    node = replica()
    node.members.connected = True
    node.merge(entry(f"i{number}") for number in range(5000))
    seconds = int(TIMES.lost_after_s) + 4
    counts = []
    for now in range(1, seconds):
        node.look(now)
        node.take_messages()
        counts.append(node.copy.live)
    assert [5000, 3000, 1000] == sorted({*counts}, reverse=True)
    node.receive(Change("peer", 1, []))
    node.look(seconds)
    assert 1000 == node.copy.live


def test_what_does_not_fit_is_counted():
    """
    A server with lower limits than its peers keeps what fits, and says how much does not.
    """
    node = replica(limits=Limits(instances=2))
    node.merge([entry(f"i{number}") for number in range(5)])
    assert 2 == node.copy.live
    assert 3 == node.refused


def test_only_who_may_watch_the_group_sees_its_status():
    """
    The status names all servers; it needs the action watch of their service.
    """
    context = plugin_context()
    rules = f"allow identity=hmac:shop & action=watch & service={Peers.service_name}"
    options = options_of(NodeOptions, access=rules)
    bus = MemoryBus(options_of(MemoryBusOptions, name="status"), context)
    peers = node_services(options, context, BusOfGroup(bus, "memory:a"))[-1]
    with called_by(SHOP):
        status = peers.status()
        assert ("memory:a", 0, False) == (status.address, status.instances, status.connected)
        assert "it has just started" in status.behind
    with called_by(OTHER), pytest.raises(PermissionDenied):
        peers.status()


def test_what_is_announced_later_wins():
    """
    A node that has seen a version writes a higher one, although it has counted less itself.
    """
    one, other = replica("a"), replica("b")
    other.merge([entry("x", counter=50)])
    one.merge([entry("x", counter=50)])
    one.put("demo.A", "x", b'{"new": 1}', "another owner")
    compared(other, one)
    assert other.copy.hash == one.copy.hash
    assert b'{"new": 1}' == other.copy.get(("demo.A", "x")).record
