"""
Connections that are limited in age and in idle time, under the calls of clients.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError
from rpcfw.transport.pool.link import LinkState
from tests.lab.services import Greeter, Streams
from tests.lab.test_failover import Load

GRPC = ("plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol", "app.protocols=native, grpc")
WIRES = {
    "native": ((), ()),
    "grpc": ((*GRPC, "server.protocols=native, grpc"), (*GRPC, "client.protocols=grpc")),
}


@pytest.fixture(params=WIRES)
def wire(request):
    """
    Settings of (the server, the client) that speak one wire or the other.
    """
    return WIRES[request.param]


def connections(process) -> list[int]:
    """
    Return the numbers of a server's connections: each has its own.
    """
    peers = process.application.server._connections  # noqa: SLF001 - told to plugins alone
    return [one.id for one in peers.connections()]


def node_of(client):
    """
    Return the only node of a client's only service.
    """
    (one,) = client.application.clients
    (node,) = one.nodes
    return node


@pytest.mark.parametrize("what", ["write", "slow_write"])
def test_no_call_is_lost_as_connections_age(lab, wire, what):
    """
    At an age of 1 s, not even a call that may not repeat fails, and none runs twice.
    """
    greeter = Greeter("a", lab.clock)
    server = lab.serve(greeter, sets=[*wire[0], "server.max_connection_age=1s"])
    client = lab.consumer(*wire[1]).application.client(Greeter)
    argument = "x" if what == "write" else 0.3
    load = Load(lab, lambda: getattr(client, what)(argument))
    lab.advance(10)
    load.stop()

    assert [] == load.failed
    assert len(greeter.begun) == len(load.results) > 1900
    assert 9 <= connections(server)[-1] <= 12


def test_a_client_that_calls_seldom(lab, wire):
    """
    A connection that ages while nothing is called is replaced without a call's help.
    """
    server = lab.serve(Greeter("a"), sets=[*wire[0], "server.max_connection_age=60s"])
    client = lab.consumer(*wire[1]).application.client(Greeter)
    for _ in range(5):
        assert "a" == lab.run(client.write("x"))
        lab.advance(61)

    assert 5 <= connections(server)[-1] <= 7
    assert 1 == len(connections(server))


def test_a_stream_has_its_grace(lab, wire):
    """
    What is begun goes on in an aged connection, and no longer than its grace.
    """
    streams = Streams(lab.clock)
    sets = ["server.max_connection_age=10s", "server.max_connection_age_grace=30s"]
    lab.serve(streams, sets=[*wire[0], *sets])
    client = lab.consumer(*wire[1]).application.client(Streams)
    got = []

    async def read():
        async for number in client.tick(1):
            got.append(number)  # noqa: PERF401 - each as it comes

    reading = lab.begin(read())
    lab.advance(38)
    assert not reading.done
    lab.advance(5)
    with pytest.raises(CallError):
        reading.value  # noqa: B018

    assert 39 <= len(got) <= 42
    assert ["tick"] == streams.closed


def test_a_stream_without_grace_goes_on(lab, wire):
    """
    If no grace is named, calls may take all the time they want.
    """
    server = lab.serve(Streams(lab.clock), sets=[*wire[0], "server.max_connection_age=10s"])
    client = lab.consumer(*wire[1]).application.client(Streams)

    async def texts():
        for number in range(100):
            yield str(number)

    assert 100 == lab.run(client.sip(texts()), limit_s=200)
    lab.advance(5)
    assert 1 == len(connections(server))


def test_an_idle_client_is_parted_with(lab, wire):
    """
    A server closes what had no call for so long; signs of life do not count as calls.
    """
    server = lab.serve(Greeter("a"), sets=[*wire[0], "server.max_connection_idle=40s"])
    process = lab.consumer(*wire[1], "client.max_connected_nodes=0", "connection.keepalive=5s")
    client = process.application.client(Greeter)
    for _ in range(5):
        lab.run(client.write("x"))
        lab.advance(30)
    assert [1] == connections(server)
    lab.advance(25)
    assert [] == connections(server)

    assert "a" == lab.run(client.write("x"))
    assert [2] == connections(server)


def test_a_call_is_not_idle(lab, wire):
    """
    One call that takes long keeps its connection, on both sides.
    """
    server = lab.serve(Greeter("a", lab.clock), sets=[*wire[0], "server.max_connection_idle=5s"])
    process = lab.consumer(*wire[1], "connection.idle_timeout=5s", "client.timeout=200s")
    client = process.application.client(Greeter)
    assert "a" == lab.run(client.slow_write(100), limit_s=200)

    assert [1] == connections(server)


def test_an_idle_link_rests(lab, wire):
    """
    A client closes what it did not use for so long, and opens it again when it is wanted.
    """
    server = lab.serve(Greeter("a"), sets=wire[0])
    process = lab.consumer(*wire[1], "connection.idle_timeout=40s", "connection.keepalive=5s")
    client = process.application.client(Greeter)
    for _ in range(5):
        lab.run(client.write("x"))
        lab.advance(30)
    assert [1] == connections(server)
    lab.advance(25)
    assert [] == connections(server)
    assert LinkState.IDLE is node_of(process).links.state
    lab.advance(1000)
    assert [] == connections(server)

    assert "a" == lab.run(client.write("x"))
    assert [2] == connections(server)
