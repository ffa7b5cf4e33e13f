"""
Windows (RFC 9113, sections 5.2 and 6.9): what each side may send, and in which order.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.flow_control import ReceiveWindow
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.settings import CONNECTION_WINDOW_BYTES, INITIAL_WINDOW_SIZE
from tests.plugins.grpc.http2.echo import (
    EchoClient,
    EchoServer,
    chunk,
    goaway_code,
    greeted_server,
    headers,
    of,
)


def window(size: int) -> bytes:
    """
    Return a SETTINGS frame that changes the initial window of all streams.
    """
    return frames.settings({INITIAL_WINDOW_SIZE: size})


def sent(server: EchoServer) -> dict[int, int]:
    """
    Return how many bytes of DATA left, by stream.
    """
    sizes: dict[int, int] = {}
    for _, _, stream_id, payload in of(frames.DATA, server.output()):
        sizes[stream_id] = sizes.get(stream_id, 0) + len(payload)
    return sizes


def answer(server: EchoServer, stream_id: int, size: int) -> None:
    """
    Answer a stream with so many bytes.
    """
    stream = server.streams.find(stream_id)
    assert stream is not None
    server.answer(stream, bytes(size))


def waiting_server(streams: int, size: int = 1000) -> EchoServer:
    """
    Return a server whose responses wait, for its peer gives streams no window.
    """
    server = greeted_server(answers=False)
    server.receive(window(0))
    for number in range(1, 2 * streams, 2):
        server.receive(headers(number, end=True))
        answer(server, number, size)
    server.output()
    return server


def test_what_waits_for_a_window_is_counted() -> None:
    """
    Until it leaves, or its stream is over.
    """
    server = waiting_server(4)
    outbound = server.streams.outbound
    assert 4000 == outbound.unsent_bytes
    server.receive(frames.window_update(1, 400))
    assert 3600 == outbound.unsent_bytes
    server.receive(frames.reset(1, 8))
    assert 3000 == outbound.unsent_bytes
    server.receive(window(1000))
    assert {1: 400, 3: 1000, 5: 1000, 7: 1000} == sent(server)
    assert 0 == outbound.unsent_bytes


def test_a_changed_initial_window_is_for_all_streams() -> None:
    """
    Section 6.9.2: what was sent stays counted, and a window may be below zero.
    """
    server = greeted_server(answers=False)
    server.receive(window(600) + headers(1, end=True) + headers(3, end=True))
    answer(server, 1, 1000)
    assert {1: 600} == sent(server)
    server.receive(window(100) + frames.window_update(1, 500))
    assert {} == sent(server)
    server.receive(frames.window_update(1, 100))
    assert {1: 100} == sent(server)
    server.receive(window(400))
    assert {1: 300} == sent(server)
    answer(server, 3, 1000)
    assert {3: 400} == sent(server)


def test_windows_raised_in_one_read_are_used_once() -> None:
    """
    However often the window changes in one read, each stream that waits is looked at once.
    """
    server = waiting_server(100)
    # One byte and then none: a peer that says so twenty times gets at most a byte of each.
    server.receive((window(1) + window(0)) * 20)
    assert 100 >= sum(sent(server).values())


def test_windows_raised_again_and_again_are_an_attack() -> None:
    """
    A peer cannot have many streams looked at for a few bytes, whatever else it sends.
    """
    server = waiting_server(1000)
    server.receive(headers(5001))
    reads = 0
    while not server.failures and reads < 100:
        # The DATA frame moves a stream, which forgives frames that cost little.
        server.receive(window(1) + window(0) + chunk(5001, b"\0"))
        reads += 1
    assert reads < 16
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(server.output())


def test_a_window_that_grows_while_much_is_sent_is_no_attack() -> None:
    """
    Clients that measure the line raise the window as they find it wider.
    """
    server = waiting_server(20, size=1 << 20)
    size = 65_535
    for _ in range(9):
        size *= 2
        server.receive(frames.window_update(0, 4 << 20) + window(size))
    assert [] == server.failures


def test_streams_share_the_connections_window_in_turn() -> None:
    """
    Each gets one frame, then the others; who was last served comes last.
    """
    server = greeted_server(answers=False)
    server.receive(window(1 << 20))
    for number in (1, 3, 5):
        server.receive(headers(number, end=True))
        answer(server, number, 60_000)
    server.output()
    order: list[int] = []
    for _ in range(4):
        server.receive(frames.window_update(0, 16_384))
        order += sent(server)
    assert [3, 5, 3, 5] == order


def test_settings_may_not_overfill_a_window() -> None:
    """
    An initial window that is too large beside what a stream was granted is a fault.

    It is one of the connection, FLOW_CONTROL_ERROR (section 6.9.2). Streams that are over
    count no longer.
    """
    most = 2**31 - 1 - 65_535
    server = greeted_server(answers=False)
    server.receive(headers(1) + frames.window_update(1, most))
    server.receive(
        frames.reset(1, ErrorCode.CANCEL) + headers(3) + frames.window_update(3, most - 1)
    )
    server.receive(window(65_536))
    assert [] == server.failures

    server.receive(window(65_537))

    assert f"it was raised to {2**31}" in server.failures[0]
    assert ErrorCode.FLOW_CONTROL_ERROR == goaway_code(server.output())


def test_a_blocked_stream_is_reported_once_it_is_writable() -> None:
    """
    When all that waited has left, and not before.
    """
    client = EchoClient()
    client.receive(window(100))
    number = client.request(bytes(150), end=False)
    stream = client.streams.find(number)
    stream.blocked = True
    client.receive(frames.window_update(number, 20))
    assert [] == client.writable
    client.receive(frames.window_update(number, 30))
    assert [number] == client.writable
    assert not stream.blocked


@given(st.integers(1, 5000), st.lists(st.integers(0, 700), max_size=60))
def test_a_window_is_given_back_in_full(size: int, amounts: list[int]) -> None:
    """
    What was acknowledged and not yet returned is less than half of it.
    """
    received = ReceiveWindow(size)
    for amount in amounts:
        taken = min(amount, received.left)
        assert received.receive(taken)
        received.acknowledge(taken)
        assert size == received.left + received.unacknowledged
        assert received.unacknowledged * 2 < size or not received.unacknowledged


def test_padding_is_given_back_by_the_connection() -> None:
    """
    Nobody takes it, so a sender that pads much would otherwise come to a halt.
    """
    server = greeted_server(Limits(stream_window_bytes=1000), answers=False)
    server.receive(headers(1))
    padded = frames.pack(frames.DATA, frames.PADDED, 1, bytes((250,)) + bytes(250))
    for _ in range(40):
        server.receive(padded)
    assert [] == server.faults
    updates = of(frames.WINDOW_UPDATE, server.output())
    assert 9500 < sum(frames.parse_increment(payload) for _, _, _, payload in updates) <= 40 * 251


def test_the_connections_window_is_held_back_while_too_much_is_unread() -> None:
    """
    And given back once it was taken.
    """
    server = greeted_server(Limits(stream_window_bytes=64 << 20), answers=False)
    flow = server.streams.flow
    flow.unread = 1 << 40
    server.receive(headers(1))
    for _ in range(CONNECTION_WINDOW_BYTES // 16_384):
        server.receive(chunk(1, bytes(16_384)))
    assert 0 == flow.window.left
    assert [] == [frame for frame in of(frames.WINDOW_UPDATE, server.output()) if not frame[2]]
    flow.unread = 0
    flow.acknowledge_connection()
    [(_, _, stream_id, payload)] = of(frames.WINDOW_UPDATE, server.output())
    assert (0, CONNECTION_WINDOW_BYTES) == (stream_id, frames.parse_increment(payload))
