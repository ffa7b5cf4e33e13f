"""
What kazoo is given instead of its own ways to wait, read, answer and wake.
"""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
from kazoo import exceptions

from rpcfw_registries.zookeeper.kazoo.errors import first_failure, translated
from rpcfw_registries.zookeeper.kazoo.handler import KazooHandler
from rpcfw_registries.zookeeper.kazoo.results import Batch
from rpcfw_registries.zookeeper.session import Refused, Unreachable, ZnodeExists, ZnodeMissing


@pytest.fixture
def handler():
    return KazooHandler(1.0, lambda reason: None)


@pytest.fixture
def connected(handler):
    """
    Return a connection as kazoo gets it, and its other end.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = handler.create_connection(server.getsockname(), timeout=10)
        other, _ = server.accept()
        connection.setblocking(False)
        with closing(connection), other:
            yield connection, other


def test_reads_ahead(handler, connected):
    """
    Two replies that came together cost one read, and the second need not be waited for.
    """
    connection, other = connected
    other.sendall(b"first" + b"second")
    assert ([connection], [], []) == handler.select([connection], [], [], 1.0)
    assert b"first" == connection.recv(5)
    assert len(b"second") == connection.pending()
    assert ([connection], [], []) == handler.select([connection], [], [], 0.0)
    assert b"second" == connection.recv(100)
    assert ([], [], []) == handler.select([connection], [], [], 0.0)


def test_looks_for_requests_while_replies_lie_unread(handler, connected):
    """
    What has been read ahead does not keep requests waiting.
    """
    connection, other = connected
    read_end, write_end = handler.create_socket_pair()
    other.sendall(b"first" + b"second")
    handler.select([connection], [], [], 1.0)
    connection.recv(5)
    write_end.send(b"\0")
    ready, _, _ = handler.select([connection, read_end], [], [], 1.0)
    assert [connection, read_end] == ready
    read_end.close()
    write_end.close()


def test_sees_the_end(handler, connected):
    """
    A connection that the other side has closed is ready, and reads nothing.
    """
    connection, other = connected
    other.close()
    assert ([connection], [], []) == handler.select([connection], [], [], 1.0)
    assert b"" == connection.recv(100)


def test_wakes_without_blocking(handler):
    """
    Waking takes tens of thousands of requests, and then refuses rather than blocks.
    """
    read_end, write_end = handler.create_socket_pair()
    for _ in range(10_000):
        write_end.send(b"\0")
    write_end.send(b"\0" * 1_000_000)
    with pytest.raises(BlockingIOError):
        write_end.send(b"\0")
    read_end.close()
    write_end.close()


def test_tells_why_it_cannot_connect():
    """
    The reason why a connect failed is told, with the address as the user wrote it.
    """
    told = []
    handler = KazooHandler(1.0, told.append)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        handler.create_connection(("127.0.0.1", port), hostname="zk.example", timeout=10)
    assert told[0].startswith(f"cannot connect to zk.example:{port}: ")


def test_answers_once(handler):
    """
    A result is told to everyone who asked, before or after it came, and is the first.
    """
    told = []
    result = handler.async_result()
    result.rawlink(lambda each: told.append(("before", each.value)))
    result.set(1)
    result.set(2)
    result.set_exception(ValueError())
    result.rawlink(lambda each: told.append(("after", each.get())))
    assert [("before", 1), ("after", 1)] == told


def test_raises_what_went_wrong(handler):
    """
    A failed result raises the failure for kazoo's own callbacks.
    """
    result = handler.async_result()
    result.set_exception(exceptions.NoNodeError())
    assert result.ready()
    with pytest.raises(exceptions.NoNodeError):
        result.get()


@pytest.mark.parametrize(
    ("expected", "error"),
    [
        (ZnodeMissing, exceptions.NoNodeError()),
        (ZnodeExists, exceptions.NodeExistsError()),
        (Refused, exceptions.NoAuthError()),
        (Refused, exceptions.InvalidACLError()),
        (Unreachable, exceptions.ConnectionLoss()),
        (Unreachable, exceptions.ConnectionClosedError()),
        (Unreachable, exceptions.SessionExpiredError()),
    ],
)
def test_translates_errors(expected, error):
    """
    Each of kazoo's errors says whether asking again may help.
    """
    assert expected is type(translated(error))


def test_finds_the_reason_in_a_transaction():
    """
    All parts of a failed transaction are failures; the reason is one of them.
    """
    reason = exceptions.NodeExistsError()
    rolled_back, undone = exceptions.RolledBackError(), exceptions.RuntimeInconsistency()
    assert reason is first_failure([rolled_back, reason, undone])
    assert rolled_back is first_failure([rolled_back])
    assert None is first_failure(["/a/b", True])


class Asked:
    """
    Requests for nodes, to be answered by the test.
    """

    def __init__(self, handler):
        self._handler = handler
        self.results = {}
        self.done = []
        self.failed = []

    def get(self, path):
        self.results[path] = self._handler.async_result()
        return self.results[path]

    def batch(self, size):
        """
        Begin to read ``size`` nodes.
        """
        paths = [f"/{number}" for number in range(size)]
        Batch(self.get, paths, self.done.append, self.failed.append).begin()


def test_batches_grow_with_the_replies(handler):
    """
    Whoever begins to read many nodes asks for some; each reply asks for two more.
    """
    asked = Asked(handler)
    asked.batch(250)
    assert 50 == len(asked.results)
    asked.results["/0"].set(0)
    assert 52 == len(asked.results)
    for number in range(1, 250):
        asked.results[f"/{number}"].set(number)
    assert [list(range(250))] == [[each.value for each in done] for done in asked.done]


def test_batches_take_missing_nodes(handler):
    """
    A node that is missing does not fail the others.
    """
    asked = Asked(handler)
    asked.batch(2)
    asked.results["/1"].set_exception(exceptions.NoNodeError())
    asked.results["/0"].set(b"")
    assert 1 == len(asked.done)
    assert [] == asked.failed


def test_batches_end_with_the_connection(handler):
    """
    When the connection is lost nothing more is asked for.
    """
    asked = Asked(handler)
    asked.batch(250)
    for result in list(asked.results.values()):
        result.set_exception(exceptions.ConnectionLoss())
    assert 50 == len(asked.results)
    assert [] == asked.done
    assert isinstance(asked.failed[0], exceptions.ConnectionLoss)
