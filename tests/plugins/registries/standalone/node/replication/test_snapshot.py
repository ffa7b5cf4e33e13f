"""
The copy on disk of a registry server.
"""

from __future__ import annotations

from unittest import mock

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.standalone.node.catalog import Catalog, Limits
from rpcfw_registries.standalone.node.replication.messages import Entry, State
from rpcfw_registries.standalone.node.replication.replica import Replica
from rpcfw_registries.standalone.node.replication.snapshot import Snapshot, unpack


def entry(id, node="peer", counter=1):
    return Entry("demo.A", id, counter, node, State.LIVE, "owner", b"{}", ("hmac:shop",))


class Server:
    """
    One life of a server with a file.
    """

    #: Instances that are read.
    LIMIT = 1000

    def __init__(self, path, *ids, limits=None):
        self.clock = Clock()
        self.catalog = Catalog(limits)
        self.replica = Replica("n", "n", self.catalog, 0.0, max_removed=100, written=bool)
        self.replica.merge(map(entry, ids))
        context = plugin_context(self.clock)
        self.snapshot = Snapshot(path, self.replica, self.catalog, self.LIMIT, 1 << 20, context)

    def load(self):
        spawn(self.snapshot.load())
        return self

    def pass_time(self, seconds=31.0):
        self.clock.advance(seconds)
        self.snapshot.look(self.clock.seconds())
        for _ in range(100):
            self.clock.advance(0)

    def stop(self):
        self.snapshot.settle(compared=True)
        closing = spawn(self.snapshot.close())
        for _ in range(100):
            self.clock.advance(0)
        assert closing.called

    @property
    def ids(self):
        return sorted(each for each in "abcdef" if self.catalog.get("demo.A", each))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "snapshot"


def test_what_was_stored_is_there_at_once(path):
    """
    A server that starts has what another life of it knew, and tells no peer of it yet.
    """
    Server(path, "a", "b").stop()
    server = Server(path).load()
    assert ["a", "b"] == server.ids
    assert server.snapshot.loaded
    assert 0 == server.replica.copy.live


def test_what_a_peer_does_not_have_is_removed(path):
    """
    The file may be old: the copy of a peer holds, and the file brings nothing back.
    """
    Server(path, "a", "b").stop()
    server = Server(path).load()
    server.replica.merge([entry("a", counter=2)])
    server.snapshot.settle(compared=True)
    assert ["a"] == server.ids
    assert 1 == server.replica.copy.live


def test_what_is_withdrawn_meanwhile_does_not_come_back(path):
    """
    A provider that withdraws before it is known whether the file holds is gone at once.
    """
    Server(path, "a", "b").stop()
    server = Server(path).load()
    assert not server.replica.remove("demo.A", "a", "somebody else")
    assert server.replica.remove("demo.A", "a", "owner")
    server.snapshot.settle(compared=False)
    assert ["b"] == server.ids
    assert 1 == server.replica.copy.live


@pytest.mark.parametrize("compared", [False, True])
def test_a_large_file_costs_no_long_turn(path, compared):
    """
    What was read is decided on in portions; all of it, and nothing is written before.
    """
    ids = [f"i{number}" for number in range(2500)]
    with mock.patch.object(Server, "LIMIT", 5000):
        Server(path, *ids).stop()
        server = Server(path).load()
    left = []
    server.snapshot.settle(compared=compared)
    for _ in range(5):
        left.append(len(server.catalog.entries("demo.A")) - server.replica.copy.live)
        server.snapshot.settle(compared=True)
        server.snapshot.look(1000.0)
        server.clock.advance(0)
    assert [1500, 0, 0, 0, 0] == left
    assert (0 if compared else 2500) == server.replica.copy.live


def test_alone_it_is_kept_as_that_of_a_lost_server(path):
    """
    Without a peer, what was read is kept until its server was silent for `lost_after`.
    """
    Server(path, "a", "b").stop()
    server = Server(path).load()
    server.replica.members.connected = True
    server.snapshot.settle(compared=False)
    assert ("hmac:shop",) == server.replica.holder(("demo.A", "a"))
    server.replica.put("demo.A", "a", b"{}", "owner")
    for now in range(1, 170):
        server.replica.look(float(now))
    assert ["a", "b"] == server.ids
    for now in range(170, 190):
        server.replica.look(float(now))
    assert ["a"] == server.ids


def test_it_is_written_at_intervals_if_something_has_changed(path):
    """
    Not while the server is joining, which would replace a good file by an empty one.
    """
    server = Server(path, "a")
    server.pass_time()
    assert not path.exists()
    server.snapshot.settle(compared=False)
    server.pass_time()
    assert ["a"] == [each.id for each in unpack(path.read_bytes(), 10)]
    written = path.stat().st_ino
    server.replica.merge([entry("b")])
    server.pass_time(10)
    assert written == path.stat().st_ino
    server.pass_time()
    assert ["a", "b"] == sorted(each.id for each in unpack(path.read_bytes(), 10))
    written = path.stat().st_ino
    server.pass_time()
    assert written == path.stat().st_ino


@pytest.mark.parametrize("cut", [0, 10, 40, 100, -1])
def test_a_damaged_file_is_not_used(path, cut):
    """
    One that ends early, or in which a byte is another: a warning, and an empty start.
    """
    Server(path, "a", "b").stop()
    content = path.read_bytes()
    damaged = content[:-1] + bytes([content[-1] ^ 1]) if cut < 0 else content[:cut]
    path.write_bytes(damaged)
    with capturedLogs() as events:
        server = Server(path).load()
    assert [] == server.ids
    assert not server.snapshot.loaded
    assert "is not used" in formatEvent(events[-1])


def test_a_missing_file_is_no_mistake(path):
    """
    The first start has none.
    """
    with capturedLogs() as events:
        assert [] == Server(path).load().ids
    assert [] == events


def test_limits_hold_for_a_file_too(path):
    """
    What does not fit is left out, and a file that is too large is not read.
    """
    Server(path, "a", "b", "c").stop()
    assert 2 == len(Server(path, limits=Limits(instances=2)).load().ids)
    assert 1 == len(unpack(path.read_bytes(), 1))
    with path.open("ab") as file:
        file.truncate(1 << 30)
    assert [] == Server(path).load().ids


def test_a_folder_that_is_full(path):
    """
    A file that cannot be written is reported, and written later.
    """
    server = Server(path, "a")
    server.snapshot.settle(compared=True)
    target = "rpcfw_registries.standalone.node.replication.snapshot.replace_file"
    with mock.patch(target, side_effect=OSError("no space")), capturedLogs() as events:
        server.pass_time()
    assert "no space" in formatEvent(events[-1])
    server.pass_time()
    assert path.exists()
