"""
What a server does with a peer that breaks a rule of HTTP/2.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.settings import FRAME_BYTES
from tests.plugins.grpc.http2.echo import (
    PREFACE_AND_SETTINGS,
    REQUEST,
    RESPONSE,
    EchoClient,
    EchoServer,
    chunk,
    goaway_code,
    greeted_server,
    headers,
    of,
    resets,
)

CONNECTION_FAULTS = {
    "DATA on stream 0": (chunk(0, b"x"), ErrorCode.PROTOCOL_ERROR),
    "HEADERS on stream 0": (headers(0), ErrorCode.PROTOCOL_ERROR),
    "DATA on an idle stream": (chunk(1, b"x"), ErrorCode.PROTOCOL_ERROR),
    "RST_STREAM on an idle stream": (frames.reset(1, 8), ErrorCode.PROTOCOL_ERROR),
    "WINDOW_UPDATE of an idle stream": (frames.window_update(1, 1), ErrorCode.PROTOCOL_ERROR),
    "a bad PRIORITY of an idle stream": (
        frames.pack(frames.PRIORITY, 0, 9, b"1234"),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "a bad PRIORITY of a stream of the server's": (
        headers(5) + frames.pack(frames.PRIORITY, 0, 2, b"1234"),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "a stream of the server's": (headers(2), ErrorCode.PROTOCOL_ERROR),
    "a stream number below the last": (headers(5) + headers(3), ErrorCode.PROTOCOL_ERROR),
    "CONTINUATION without HEADERS": (frames.pack(9, 4, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "PUSH_PROMISE": (frames.pack(5, 4, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "SETTINGS on a stream": (frames.pack(4, 0, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "half a setting": (frames.pack(4, 0, 0, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "an acknowledgement with settings": (
        frames.pack(4, 1, 0, bytes(6)),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "a window of 2^31": (frames.settings({4: 1 << 31}), ErrorCode.FLOW_CONTROL_ERROR),
    "a small MAX_FRAME_SIZE": (frames.settings({5: 16_383}), ErrorCode.PROTOCOL_ERROR),
    "ENABLE_PUSH that is neither": (frames.settings({2: 2}), ErrorCode.PROTOCOL_ERROR),
    "a short PING": (frames.pack(6, 0, 0, b"1234567"), ErrorCode.FRAME_SIZE_ERROR),
    "a WINDOW_UPDATE of 0": (frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
    "a window over 2^31": (frames.window_update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
    "a frame over the limit": (
        frames.pack(0, 0, 1, bytes(FRAME_BYTES + 1)),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "HEADERS over the limit, with more behind": (
        frames.pack(frames.HEADERS, frames.END_HEADERS, 1, bytes(FRAME_BYTES + 1))
        + chunk(1, b"x" * 20),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "a block that is none": (frames.pack(1, 4, 1, b"\x80"), ErrorCode.COMPRESSION_ERROR),
    "a block cut off": (frames.pack(1, 4, 1, b"\x40\x05abc"), ErrorCode.COMPRESSION_ERROR),
    "a table too large": (frames.pack(1, 4, 1, b"\x3f\xe2\x1f"), ErrorCode.COMPRESSION_ERROR),
    "padding over the frame": (frames.pack(1, 12, 1, b"\x09abc"), ErrorCode.PROTOCOL_ERROR),
    "a frame within a block": (
        frames.pack(1, 0, 1, b"") + frames.ping(bytes(8)),
        ErrorCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize("name", CONNECTION_FAULTS)
def test_a_broken_rule_costs_the_connection(name: str) -> None:
    """
    It is answered with the right code, reported once, and nothing is read after it.
    """
    broken, code = CONNECTION_FAULTS[name]
    server = greeted_server()
    server.receive(broken + frames.ping(bytes(8)))
    assert 1 == len(server.failures)
    assert code == goaway_code(server.output())
    server.receive(headers(7))
    assert b"" == server.output()
    assert 7 not in server.exchanges


def request(*changes: tuple[bytes, bytes], without: bytes = b"") -> bytes:
    """
    Return a request with other fields.
    """
    return headers(1, [*(field for field in REQUEST if field[0] != without), *changes])


STREAM_FAULTS = {
    "no :method": (request(without=b":method"), ErrorCode.PROTOCOL_ERROR),
    "no :scheme": (request(without=b":scheme"), ErrorCode.PROTOCOL_ERROR),
    "no :path": (request(without=b":path"), ErrorCode.PROTOCOL_ERROR),
    "no pseudo-field": (headers(1, [(b"x", b"y")]), ErrorCode.PROTOCOL_ERROR),
    "a path without a slash": (
        request((b":path", b"echo"), without=b":path"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "CONNECT": (request((b":method", b"CONNECT"), without=b":method"), ErrorCode.PROTOCOL_ERROR),
    "capital letters": (request((b"X-A", b"")), ErrorCode.PROTOCOL_ERROR),
    "a field of HTTP/1.1": (request((b"connection", b"x")), ErrorCode.PROTOCOL_ERROR),
    "te for others": (request((b"te", b"gzip")), ErrorCode.PROTOCOL_ERROR),
    "a line break": (request((b"x", b"a\r\nb")), ErrorCode.PROTOCOL_ERROR),
    "a path twice": (headers(1, [REQUEST[2], *REQUEST]), ErrorCode.PROTOCOL_ERROR),
    "a late pseudo-field": (
        headers(1, [*REQUEST[1:], (b"x", b"y"), REQUEST[0]]),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "an unknown pseudo-field": (headers(1, [(b":x", b"y"), *REQUEST]), ErrorCode.PROTOCOL_ERROR),
    "a content-length that is none": (
        request((b"content-length", b"a")),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "two content-lengths": (
        request((b"content-length", b"1"), (b"content-length", b"2")),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a WINDOW_UPDATE of 0": (headers(1) + frames.window_update(1, 0), ErrorCode.PROTOCOL_ERROR),
    "a window over 2^31": (
        headers(1) + frames.window_update(1, 2**31 - 1),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "trailers that are not the end": (
        headers(1) + headers(1, [(b"x", b"y")]),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "HEADERS behind HEADERS": (headers(1) + headers(1, end=True), ErrorCode.PROTOCOL_ERROR),
    "DATA after the end": (headers(1, end=True) + chunk(1, b"x"), ErrorCode.STREAM_CLOSED),
    "more than content-length": (
        request((b"content-length", b"6")) + chunk(1, b"1234567", end=True),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "less than content-length": (
        request((b"content-length", b"9")) + chunk(1, b"12345", end=True),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "no body of the content-length": (
        headers(1, [*REQUEST, (b"content-length", b"9")], end=True),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "dependence on itself": (
        frames.pack(1, 0x24, 1, b"\0\0\0\1\0" + headers(1)[9:]),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "PRIORITY on itself": (
        headers(1) + frames.pack(frames.PRIORITY, 0, 1, b"\0\0\0\1\0"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "DATA over the window": (headers(1) + chunk(1, bytes(101)), ErrorCode.FLOW_CONTROL_ERROR),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_a_fault_on_a_stream_costs_that_stream(name: str) -> None:
    """
    It is reset with the right code, and the next is served.
    """
    broken, code = STREAM_FAULTS[name]
    server = greeted_server(Limits(stream_window_bytes=100), answers=False)
    server.receive(broken + headers(3) + chunk(3, b"next", end=True))
    assert [(1, int(code))] == resets(server.output())
    assert b"next" == server.exchanges[3].body
    assert [3] == list(server.streams.open)
    assert [] == server.failures


def test_the_user_is_told_of_a_stream_that_failed() -> None:
    """
    If it knew of it, and with the code.
    """
    server = greeted_server(answers=False)
    server.receive(headers(1) + frames.window_update(1, 0) + request()[:3] + headers(3)[3:5])
    assert [(1, ErrorCode.PROTOCOL_ERROR)] == server.faults


@pytest.mark.parametrize(
    "begin",
    [
        frames.ping(bytes(8)),
        frames.settings_ack(),
        headers(1) + chunk(1, b"whole", end=True),
    ],
)
def test_the_first_frame_is_settings(begin: bytes) -> None:
    """
    Whoever begins otherwise is not heard any further.
    """
    server = EchoServer()
    server.receive(frames.PREFACE + begin)
    assert 1 == len(server.failures)
    assert not server.exchanges
    assert ErrorCode.PROTOCOL_ERROR == goaway_code(server.output())


def test_what_is_no_preface_is_refused_at_its_first_byte() -> None:
    """
    HTTP/1.1 on an HTTP/2 port.
    """
    server = EchoServer()
    server.receive(b"G")
    assert "preface" in server.failures[0]


def test_a_preface_may_come_in_any_pieces() -> None:
    """
    Byte by byte, or together with the first streams.
    """
    server = EchoServer()
    stream = PREFACE_AND_SETTINGS + headers(1) + chunk(1, b"x", end=True)
    for position in range(len(stream)):
        server.receive(stream[position : position + 1])
    assert b"x" == server.exchanges[1].body


RESPONSE_FAULTS = {
    "DATA before HEADERS": chunk(1, b"early"),
    "trailers before HEADERS": headers(1, [(b"x", b"y")], end=True),
    "HEADERS behind HEADERS": headers(1, RESPONSE) + headers(1, RESPONSE, end=True),
    "trailers that are not the end": headers(1, RESPONSE) + headers(1, [(b"x", b"y")]),
    "an informational end": headers(1, [(b":status", b"103")], end=True),
    "a status of two digits": headers(1, [(b":status", b"20")]),
    "a request's field": headers(1, [(b":path", b"/")]),
}


@pytest.mark.parametrize("name", RESPONSE_FAULTS)
def test_a_response_begins_with_headers_and_ends_with_trailers(name: str) -> None:
    """
    RFC 9113, section 8.1: any other order costs the stream; others go on.
    """
    client = EchoClient()
    client.receive(frames.settings({}))
    broken, sound = client.request(b"a"), client.request(b"b")
    client.output()
    client.receive(RESPONSE_FAULTS[name] + headers(sound, RESPONSE, end=True))
    assert [(broken, ErrorCode.PROTOCOL_ERROR)] == resets(client.output())
    assert [(broken, ErrorCode.PROTOCOL_ERROR)] == client.faults
    assert client.exchanges[sound].ended
    assert [] == client.failures


def test_a_client_is_as_strict() -> None:
    """
    A server that pushes, or begins streams, loses the connection.
    """
    for broken in (
        frames.pack(5, 4, 1, bytes(4)),
        frames.settings({2: 1}),
        headers(1, RESPONSE),
        headers(2, RESPONSE),
    ):
        client = EchoClient()
        client.receive(frames.settings({}) + broken)
        assert 1 == len(client.failures)
        assert ErrorCode.PROTOCOL_ERROR == goaway_code(client.output())


def test_a_frame_of_an_unknown_type_is_ignored() -> None:
    """
    RFC 9113, section 4.1.
    """
    server = greeted_server()
    server.receive(frames.pack(77, 255, 0, b"what") + frames.ping(b"12345678"))
    assert [] == server.failures
    assert 1 == len(of(frames.PING, server.output()))


@pytest.mark.parametrize("status", [b"000", b"099", b"20", b"2000", b"abc"])
def test_a_status_is_a_number_from_100_on(status: bytes) -> None:
    """
    Another one makes the response malformed; none stands for trailers.
    """
    client = EchoClient()
    client.receive(frames.settings({}))
    stream_id = client.request()
    client.receive(headers(stream_id, [(b":status", status)]))
    assert [(stream_id, ErrorCode.PROTOCOL_ERROR)] == client.faults
