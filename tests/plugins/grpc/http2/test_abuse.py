"""
Peers that keep the rules of HTTP/2 and are hostile all the same, or only look so.
"""

from __future__ import annotations

import pytest
from hpack import Encoder

from rpcfw.spi.machine import Limits
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from tests.plugins.grpc.http2.echo import (
    REQUEST,
    EchoClient,
    chunk,
    goaway_code,
    greeted_server,
    headers,
    of,
    resets,
)


def flood(stream: bytes, limits: Limits | None = None) -> ErrorCode:
    """
    Return the code of the GOAWAY that some bytes are answered with.
    """
    server = greeted_server(limits)
    server.receive(stream)
    assert 1 == len(server.failures)
    return goaway_code(server.output())


@pytest.mark.parametrize(
    "kind", [frames.ping(bytes(8)), frames.settings({}), frames.settings_ack()]
)
def test_control_frames_with_nothing_else_are_a_flood(kind: bytes) -> None:
    """
    As many as max_pings are tolerated, the first PING beside; more end the connection.
    """
    limits = Limits(max_pings=10)
    server = greeted_server(limits)
    # The peer's first SETTINGS were one of them.
    server.receive(kind * 9)
    assert [] == server.failures
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(kind * 12, limits)


def test_pings_beside_requests_are_no_flood() -> None:
    """
    What moves a stream forgives the PING frames before it.
    """
    server = greeted_server(Limits(max_pings=10))
    for number in range(1, 400, 2):
        server.receive(frames.ping(bytes(8)) * 5 + headers(number, end=True))
        server.output()
    assert [] == server.failures


def test_empty_frames_are_a_flood() -> None:
    """
    DATA without a byte and without an end serves nobody.
    """
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(headers(1) + chunk(1, b"") * 101)


@pytest.mark.parametrize(
    "kind",
    [frames.pack(2, 0, 9, b"\0\0\0\0\0"), frames.pack(77, 0, 0, b""), frames.window_update(0, 1)],
)
def test_frames_that_move_nothing_are_a_flood(kind: bytes) -> None:
    """
    PRIORITY, unknown frames and crumbs of a window are tolerated, but not for ever.
    """
    server = greeted_server()
    server.receive(kind * 500)
    assert [] == server.failures
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(kind * 1001)


def test_informational_responses_are_a_flood() -> None:
    """
    A client waits for the response, and those before it are tolerated, but not for ever.
    """
    client = EchoClient()
    client.receive(frames.settings({}))
    hint = headers(client.request(), [(b":status", b"103")])
    client.receive(hint * 500)
    assert [] == client.failures
    client.receive(hint * 501)
    assert 1 == len(client.failures)
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(client.output())


def test_a_ping_is_acknowledged_once() -> None:
    """
    The same acknowledgement again is nobody's answer, and counts as a frame that moves nothing.
    """
    server = greeted_server()
    server.connection.ping()
    answer = frames.ping((1).to_bytes(8, "big"), frames.ACK)
    server.receive(answer * 500)
    assert 1 == server.pongs
    assert [] == server.failures
    server.receive(answer * 502)
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(server.output())


def test_requests_after_the_last_goaway_are_a_flood() -> None:
    """
    Those that were on their way are dropped; a client that never stops is not left to it.
    """
    server = greeted_server(answers=False)
    server.connection.drain("restart")
    [ping] = of(frames.PING, server.output())
    server.receive(frames.ping(ping[3], frames.ACK))
    server.output()
    server.receive(b"".join(headers(number) for number in range(1, 1001, 2)))
    assert [] == server.failures
    assert {} == server.exchanges
    server.receive(b"".join(headers(number) for number in range(1001, 2101, 2)))
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(server.output())


def test_continuations_are_bounded() -> None:
    """
    A block that goes on and on ends the connection, however small its pieces.
    """
    begin = frames.pack(frames.HEADERS, 0, 1, b"")
    more = frames.pack(frames.CONTINUATION, 0, 1, b"")
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(begin + more * 40)
    large = frames.pack(frames.CONTINUATION, 0, 1, bytes(16_000))
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(begin + large * 17)


def test_small_blocks_cannot_unfold_to_large_header_lists() -> None:
    """
    A table's field named again and again ends the connection before it takes memory.
    """
    encoder = Encoder()
    large = (b"x", b"y" * 3000)
    block = encoder.encode([*REQUEST, large]) + encoder.encode([large]) * 2000
    begun = frames.headers(1, block, frames.END_STREAM, 16_384)
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(begun, Limits(max_header_bytes=4000))


def test_streams_cancelled_as_they_begin_are_an_attack() -> None:
    """
    Rapid reset: as many as max_resets are tolerated.
    """
    server = greeted_server(Limits(max_resets=20), answers=False)
    pairs = [headers(n) + frames.reset(n, 8) for n in range(1, 43, 2)]
    server.receive(b"".join(pairs[:20]))
    assert [] == server.failures
    server.receive(pairs[20])
    assert 1 == len(server.failures)
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(server.output())


def test_streams_cancelled_in_a_pause_are_none() -> None:
    """
    What a peer did in the time that this process lost is no attack; more of it is.
    """
    pauses = Pauses()
    server = greeted_server(Limits(max_resets=20, pauses=pauses), answers=False)
    pairs = [headers(n) + frames.reset(n, 8) for n in range(1, 1001, 2)]
    pauses.add(1.5)
    server.receive(b"".join(pairs[:300]))
    assert 300 == len(server.resets)
    assert [] == of(frames.GOAWAY, server.output())
    server.receive(b"".join(pairs[300:]))
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(server.output())


def test_pings_of_a_pause_are_no_flood() -> None:
    """
    A peer that asked while this process was away is answered each time.
    """
    pauses = Pauses()
    server = greeted_server(Limits(max_pings=10, pauses=pauses))
    pauses.add(1.0)
    server.receive(frames.ping(b"12345678") * 100)
    answered = server.output()
    assert 100 == len(of(frames.PING, answered))
    assert [] == of(frames.GOAWAY, answered)


def test_streams_broken_on_purpose_count_as_cancelled() -> None:
    """
    Making the server reset its own streams is the same attack.
    """
    pairs = b"".join(headers(n) + frames.window_update(n, 0) for n in range(1, 403, 2))
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(pairs)


def test_streams_over_the_limit_are_refused() -> None:
    """
    REFUSED_STREAM promises that they were not begun.
    """
    server = greeted_server(Limits(max_calls=2), answers=False)
    server.receive(b"".join(headers(n) for n in (1, 3, 5)))
    assert [1, 3] == list(server.exchanges)
    assert [(5, ErrorCode.REFUSED_STREAM)] == resets(server.output())


def test_what_a_reset_stream_still_had_on_its_way_is_no_fault() -> None:
    """
    A window full of small frames, and the end, may come after the reset.
    """
    client = EchoClient(Limits(stream_window_bytes=100_000))
    client.receive(frames.settings({}))
    number = client.request()
    client.streams.reset(client.streams.find(number), ErrorCode.CANCEL)
    late = b"".join(chunk(number, b"1234567890") for _ in range(10_000))
    client.receive(headers(number, [(b":status", b"200")]) + late)
    client.receive(headers(number, [(b"x", b"y")], end=True))
    assert [] == client.failures


def test_more_than_can_have_been_on_its_way_is_a_flood() -> None:
    """
    Beyond two windows of a reset stream, each frame counts as one that moves nothing.
    """
    client = EchoClient(Limits(stream_window_bytes=1000, max_pings=10))
    client.receive(frames.settings({}))
    number = client.request()
    client.streams.reset(client.streams.find(number), ErrorCode.CANCEL)
    client.receive(chunk(number, bytes(1000)) * 2 + chunk(number, b"x") * 100)
    assert [] == client.failures
    client.receive(chunk(number, b"x"))
    assert 1 == len(client.failures)
