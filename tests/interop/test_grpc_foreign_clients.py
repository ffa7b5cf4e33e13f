"""
Clients of other makers, with stubs that their own tools generated, and our server.
"""

from __future__ import annotations

import time

import pytest

from tests.interop.foreign_clients import CLIENTS
from tests.interop.shop import FAILURE, INITIAL, TRAILING, details_of
from tests.real.commands import Module, address_in

LARGE_BYTES = 16 << 20
LIMIT_S = 20


@pytest.fixture(scope="module")
def server(shop_folder):
    """
    Where our server is.
    """
    sets = ("server.listen=tcp:127.0.0.1:0", "limits.max_receive_bytes=32MiB")
    with Module("tests.interop.shop_server", shop_folder, *sets) as running:
        yield address_in(running.line())


@pytest.fixture(params=CLIENTS)
def client(request, server):
    """
    Each of the clients.
    """
    made = CLIENTS[request.param](server)
    yield made
    made.close()


@pytest.fixture
def pb2(shop_folder):
    """
    The messages.
    """
    import shop_pb2

    return shop_pb2


def test_unary(client, pb2):
    """
    A message and metadata of both kinds, there and back.
    """
    note = pb2.Note(text="two \N{SNOWMAN}", data=bytes(range(256)) * 20, count=2)
    metadata = ((INITIAL, "first"), (TRAILING, b"\x00\xff"))
    answer, head, trailers = client.unary("Echo", note, metadata)

    assert note == answer
    assert "first" == head[INITIAL]
    assert b"\x00\xff" == trailers[TRAILING]


@pytest.mark.parametrize("name", [name for name in CLIENTS if name.endswith(("gzip", "deflate"))])
def test_compressed(name, server, pb2):
    """
    What a client compresses comes compressed, and is understood.
    """
    client = CLIENTS[name](server)
    _, head, _ = client.unary("Echo", pb2.Note(data=bytes(100_000)))
    client.close()

    assert "True" == head["x-packed"]


def test_streams(client, pb2):
    """
    The three shapes that stream.
    """
    notes = [pb2.Note(data=bytes(50_000), count=number) for number in range(30)]
    counted = client.stream("Count", pb2.Note(count=30, data=bytes(50_000)))
    (total,) = client.stream("Total", notes)
    chat = client.stream("Chat", notes)

    assert notes == counted
    assert ("1500000", 30) == (total.text, total.count)
    assert notes == chat


def test_large(client, pb2):
    """
    16 MiB each way, through everybody's flow control.
    """
    note = pb2.Note(data=bytes(LARGE_BYTES))
    assert note == client.unary("Echo", note)[0]


def test_failures(client, pb2):
    """
    Status, message and details come as they were raised.
    """
    status, message, details = client.failure("Fail", pb2.Note())

    assert ("RESOURCE_EXHAUSTED", FAILURE) == (status, message)
    if client.reads_details:
        assert details_of(pb2) == details


def given_up(client, pb2):
    """
    Return how many calls of Hang the server has given up.
    """
    return client.unary("GivenUp", pb2.Note())[0].count


def eventually(promise):
    """
    Ask until something is true that takes a while: each time is a call.
    """
    until = time.monotonic() + LIMIT_S
    while not promise():
        assert time.monotonic() < until


def test_deadlines(client, pb2):
    """
    A call whose time is over is over on both sides.
    """
    before = given_up(client, pb2)

    assert "DEADLINE_EXCEEDED" == client.failure("Hang", pb2.Note(), 0.2)[0]
    eventually(lambda: given_up(client, pb2) == before + 1)


def test_cancelling(client, pb2):
    """
    A call that the client gives up is given up at the server.
    """
    before = given_up(client, pb2)
    client.give_up(pb2.Note())

    eventually(lambda: given_up(client, pb2) == before + 1)
