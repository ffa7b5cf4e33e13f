"""
A watch of what a node says of itself.
"""

from __future__ import annotations

import pytest

from rpcfw.cluster.health.serving_watch import ServingWatch, is_serving
from rpcfw.errors import Overloaded, Unavailable, Unimplemented
from rpcfw.spi.events import MessageReceived


class Connection:
    """
    Keeps what it was asked for.
    """

    def __init__(self, error=None):
        self.error = error
        self.asked = []
        self.cancelled = []
        self.taken = []

    def request(self, head, body, encoding, listener):
        if self.error is not None:
            raise self.error
        self.asked.append((head.path, head.codec, body))
        return 7

    def cancel(self, call_id):
        self.cancelled.append(call_id)

    def consumed(self, call_id, cost, size):
        self.taken.append((call_id, cost, size))


@pytest.mark.parametrize(
    ("service", "body"),
    [
        ("", b""),
        ("demo.Shop", b"\x0a\x09demo.Shop"),
        ("s" * 300, b"\x0a\xac\x02" + b"s" * 300),
    ],
)
def test_the_request(service, body):
    """
    It is what Protobuf writes, for names of any length.
    """
    connection = Connection()
    ServingWatch(connection, service, print)
    assert [("grpc.health.v1.Health/Watch", "protobuf", body)] == connection.asked


@pytest.mark.parametrize(
    ("body", "serving"),
    [
        (b"\x08\x01", True),
        (b"\x08\x01\x12\x01x", True),
        (b"", False),
        (b"\x08\x02", False),
        (b"\x08\x03", False),
        (b"\x08\x81\x01", False),
        (b"\x08", False),
        (b"garbage", False),
    ],
)
def test_the_answer(body, serving):
    """
    Only SERVING is a yes, whatever the peer sends.
    """
    assert serving is is_serving(body)


def test_answers_as_they_come():
    """
    Each answer is passed on, and the peer may send the next one.
    """
    found = []
    connection = Connection()
    watch = ServingWatch(connection, "demo.Shop", found.append)
    watch.message(MessageReceived(7, b"\x08\x01", "", 5))
    watch.message(MessageReceived(7, b"\x08\x02", "", 5))
    watch.message(MessageReceived(7, b"compressed", "gzip", 15))
    assert [True, False] == found
    assert [(7, 5, 2), (7, 5, 2), (7, 15, 10)] == connection.taken


@pytest.mark.parametrize(("error", "refused"), [(Unimplemented(), True), (Unavailable(), False)])
def test_its_end(error, refused):
    """
    A node without the service is not to be asked again; another one may be.
    """
    connection = Connection()
    watch = ServingWatch(connection, "demo.Shop", print)
    watch.lost(error)
    watch.cancel()
    assert (True, refused) == (watch.over, watch.refused)
    assert [] == connection.cancelled


def test_cancel():
    """
    It is cancelled once, at the node too.
    """
    connection = Connection()
    watch = ServingWatch(connection, "demo.Shop", print)
    watch.cancel()
    watch.cancel()
    assert [7] == connection.cancelled


def test_a_connection_that_is_full():
    """
    A watch that cannot begin is over; nothing is raised.
    """
    assert ServingWatch(Connection(Overloaded()), "demo.Shop", print).over
