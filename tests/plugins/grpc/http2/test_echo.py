"""
HTTP/2 without gRPC: an echo, with our own client and with the h2 library on either side.
"""

from __future__ import annotations

import gc
import weakref

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingAckReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2.frames import ErrorCode
from tests.plugins.grpc.http2.echo import (
    REQUEST,
    RESPONSE,
    EchoClient,
    EchoServer,
    carry,
    greeted_server,
    headers,
)

LARGE = bytes(range(256)) * 1200
TRAILERS = [(b"x-checksum", b"7")]


class H2:
    """
    The h2 library in the place of one end; it keeps its events.
    """

    def __init__(self, *, client: bool) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=client, header_encoding=None))
        self.h2.initiate_connection()
        self.events: list[object] = []

    def receive(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self.events.append(event)
            if isinstance(event, DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def output(self) -> bytes:
        return self.h2.data_to_send()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def body(self, stream_id: int) -> bytes:
        return b"".join(e.data for e in self.of(DataReceived) if e.stream_id == stream_id)

    def send(self, stream_id: int, data: bytes, other, *, end: bool) -> None:
        """
        Send as flow control lets it; what the other says meanwhile is heard.
        """
        while data:
            count = min(
                len(data),
                self.h2.local_flow_control_window(stream_id),
                self.h2.max_outbound_frame_size,
            )
            self.h2.send_data(stream_id, data[:count], end_stream=end and count == len(data))
            data = data[count:]
            carry(other, self)


def test_our_server_echoes_h2() -> None:
    """
    Bodies larger than every window come back whole, and so do trailers.
    """
    server, peer = EchoServer(Limits(stream_window_bytes=70_000)), H2(client=True)
    carry(server, peer)
    for stream_id in (1, 3):
        peer.h2.send_headers(stream_id, REQUEST)
        peer.send(stream_id, LARGE, server, end=False)
        peer.h2.send_headers(stream_id, TRAILERS, end_stream=True)
        carry(server, peer)
        assert LARGE == peer.body(stream_id)

    assert [[(b":status", b"200")]] * 2 == [list(e.headers) for e in peer.of(ResponseReceived)]
    assert [TRAILERS] * 2 == [list(e.headers) for e in peer.of(TrailersReceived)]
    assert [1, 3] == [event.stream_id for event in peer.of(StreamEnded)]
    assert not server.streams.open
    assert 0 == server.streams.outbound.unsent_bytes


def test_our_client_is_answered_by_h2() -> None:
    """
    The response's HEADERS, its body and its trailers are told apart, and the stream ends.
    """
    client, peer = EchoClient(), H2(client=False)
    carry(client, peer)
    stream_id = client.request(LARGE)
    carry(client, peer)
    assert LARGE == peer.body(stream_id)
    assert REQUEST == list(peer.of(RequestReceived)[0].headers)

    peer.h2.send_headers(stream_id, [(b":status", b"103")])
    peer.h2.send_headers(stream_id, RESPONSE)
    peer.send(stream_id, LARGE, client, end=False)
    peer.h2.send_headers(stream_id, TRAILERS, end_stream=True)
    carry(client, peer)

    exchange = client.exchanges[stream_id]
    assert b"200" == exchange.headers.found[b":status"]
    assert LARGE == exchange.body
    assert TRAILERS == exchange.trailers.others
    assert exchange.ended
    assert not client.streams.open


def test_a_response_before_the_end_of_its_request_ends_the_stream_once_both_ended() -> None:
    """
    A client whose response is complete may still send; then the stream is closed.
    """
    client, peer = EchoClient(), H2(client=False)
    carry(client, peer)
    stream_id = client.request(b"first", end=False)
    carry(client, peer)
    peer.h2.send_headers(stream_id, RESPONSE, end_stream=True)
    carry(client, peer)
    assert client.exchanges[stream_id].ended
    assert [stream_id] == list(client.streams.open)

    client.streams.end(client.streams.find(stream_id))
    carry(client, peer)

    assert not client.streams.open
    assert [] == peer.of(StreamReset)
    assert [stream_id] == [event.stream_id for event in peer.of(StreamEnded)]


def test_a_server_that_leaves_serves_what_was_on_its_way() -> None:
    """
    RFC 9113, section 6.8: GOAWAY without a last stream, PING, GOAWAY with one.
    """
    server, client = EchoServer(), EchoClient()
    carry(server, client)
    first = client.request(b"before")
    server.connection.drain("restart")
    carry(server, client)

    assert b"before" == client.exchanges[first].body
    assert [(0, "restart", ()), (0, "restart", ())] == client.goaways
    # What comes all the same is dropped, and nobody is told of it.
    server.receive(headers(first + 2, end=True))
    assert [first] == list(server.exchanges)
    assert b"" == server.output()


def test_h2_understands_how_we_leave() -> None:
    """
    It learns from the second GOAWAY which stream was the last.
    """
    server, peer = EchoServer(), H2(client=True)
    carry(server, peer)
    peer.h2.send_headers(1, REQUEST, end_stream=True)
    carry(server, peer)
    server.connection.drain("restart")
    server.output()
    server.connection.end("restart")
    peer.receive(server.output())
    (ended,) = peer.of(ConnectionTerminated)
    assert (0, 1, b"restart") == (ended.error_code, ended.last_stream_id, ended.additional_data)


def test_a_goaway_names_the_streams_that_were_not_begun() -> None:
    """
    A client may send them elsewhere; the others go on.
    """
    client, peer = EchoClient(), H2(client=False)
    carry(client, peer)
    begun, refused = client.request(b"a"), client.request(b"b")
    peer.h2.close_connection(last_stream_id=begun, additional_data=b"full")
    client.receive(peer.output())
    assert [(ErrorCode.NO_ERROR, "NO_ERROR", "full", (refused,))] == [
        (code, ErrorCode(code).name, text, streams) for code, text, streams in client.goaways
    ]
    assert [begun] == list(client.streams.open)


def test_pings_are_answered_both_ways() -> None:
    """
    Ours by h2, h2's by us.
    """
    server, peer = EchoServer(), H2(client=True)
    carry(server, peer)
    server.connection.ping()
    peer.h2.ping(b"12345678")
    carry(server, peer)
    assert 1 == server.pongs
    assert [b"12345678"] == [event.ping_data for event in peer.of(PingAckReceived)]


def test_a_reset_is_reported_and_ends_the_stream() -> None:
    """
    From either side.
    """
    server, client = EchoServer(), EchoClient()
    carry(server, client)
    first, second = client.request(b"a", end=False), client.request(b"b", end=False)
    carry(server, client)
    client.streams.reset(client.streams.find(first), ErrorCode.CANCEL)
    server.streams.reset(server.streams.find(second), ErrorCode.INTERNAL_ERROR)
    carry(server, client)
    assert [(first, ErrorCode.CANCEL)] == server.resets
    assert [(second, ErrorCode.INTERNAL_ERROR)] == client.resets
    assert not server.streams.open
    assert not client.streams.open


@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=5),
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
)
def test_bytes_may_come_in_any_pieces(bodies, sizes) -> None:
    """
    However the network splits them, each body comes back as it was sent.
    """
    server, client = EchoServer(), EchoClient()
    ids = [client.request(body, trailers=TRAILERS) for body in bodies]
    for ours, theirs in ((client, server), (server, client)) * 3:
        data, turn = ours.output(), 0
        while data:
            size = sizes[turn % len(sizes)]
            theirs.receive(data[:size])
            data, turn = data[size:], turn + 1
    assert bodies == [bytes(client.exchanges[stream_id].body) for stream_id in ids]


@pytest.mark.parametrize("make", [EchoClient, greeted_server])
def test_a_closed_connection_is_freed_at_once(make) -> None:
    """
    By its references, not by the garbage collector; also with streams that wait.
    """
    end = make()
    if isinstance(end, EchoClient):
        end.request(LARGE)
    else:
        end.receive(headers(1, end=True) + headers(3))
    connection, callbacks = weakref.ref(end.connection), weakref.ref(end)
    gc.disable()
    try:
        end.connection.close()
        del end
        assert connection() is None
        assert callbacks() is None
    finally:
        gc.enable()


def test_a_closed_connection_does_nothing_more() -> None:
    """
    It reads nothing, reports nothing and keeps nothing.
    """
    server = greeted_server(answers=False)
    server.receive(headers(1) + headers(3))
    server.connection.end("done")
    assert server.output()
    server.connection.close()
    server.receive(headers(5))
    server.connection.end("again")
    server.connection.drain("again")
    assert b"" == server.output()
    assert not server.streams.open
    assert [1, 3] == list(server.exchanges)
