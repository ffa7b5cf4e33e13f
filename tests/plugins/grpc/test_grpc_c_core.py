"""
Requests as clients built on gRPC's C core write them, with a grant in each.

Between the head and the message they raise the stream's window by the five bytes of
a prefix, and behind the message the connection's. The server reads that on its short
way, where nothing of it may get lost.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.events import CallCancelled, ConnectionFailed, RequestReceived
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from tests.plugins.grpc.pair import chunk, cut, head, message, of, only, server

WINDOW = 65_535


def request(stream_id: int, body: bytes, grant: int = 5) -> bytes:
    """
    Return a request, a grant for its answer, and one for the connection.
    """
    granted = frames.window_update(stream_id, grant)
    sent = chunk(stream_id, message(body), end=True)
    return head(stream_id) + granted + sent + frames.window_update(0, grant)


def answer_bytes(output: bytes, stream_id: int) -> int:
    """
    Return how many bytes of DATA went out on a stream.
    """
    return sum(len(frame[3]) for frame in of(frames.DATA, output) if frame[2] == stream_id)


def test_each_is_one_event() -> None:
    """
    They are reported whole, as others are.
    """
    machine = server()
    told = machine.receive(b"".join(request(n, b"%d" % n) for n in (1, 3, 5)))
    whole = [(e.call_id, e.body, e.ended) for e in told if isinstance(e, RequestReceived)]
    assert [(1, b"1", True), (3, b"3", True), (5, b"5", True)] == whole
    assert 3 == len(told)


@pytest.mark.parametrize("grant", [5, 6, 1000])
def test_an_answer_uses_its_grant_to_the_last_byte(grant) -> None:
    """
    What was granted beyond the first window is sent, and not a byte more.
    """
    machine = server()
    machine.receive(request(1, b"", 5) + frames.window_update(0, 1 << 20))
    machine.respond(1, b"warm")
    machine.take_output()
    machine.receive(request(3, b"", grant) + request(5, b"", grant))
    machine.respond(3, bytes(WINDOW + grant - 5))
    machine.respond(5, bytes(WINDOW + grant - 4))
    output = machine.take_output()
    assert WINDOW + grant == answer_bytes(output, 3) == answer_bytes(output, 5)
    assert 3 in [frame[2] for frame in of(frames.HEADERS, output) if frame[1] & frames.END_STREAM]
    machine.receive(frames.window_update(5, 1))
    assert 1 == answer_bytes(machine.take_output(), 5)


def test_each_grant_of_the_connection_counts() -> None:
    """
    Answers may use what the requests granted, and not a byte more.
    """
    machine = server()
    machine.receive(request(1, b"", 100) + request(3, b"", 100))
    machine.respond(1, bytes(WINDOW - 5))
    machine.respond(3, bytes(300))
    output = machine.take_output()
    assert (WINDOW, 200) == (answer_bytes(output, 1), answer_bytes(output, 3))
    machine.receive(request(5, b"", 7))
    assert 7 == answer_bytes(machine.take_output(), 3)


@pytest.mark.parametrize(
    ("grant", "code"),
    [(0, ErrorCode.PROTOCOL_ERROR), (2**31 - 1, ErrorCode.FLOW_CONTROL_ERROR)],
)
def test_a_bad_grant_costs_its_call(grant, code) -> None:
    """
    Nothing, or more than a window holds, resets the stream; the next call is served.
    """
    machine = server()
    bad = head(1) + frames.window_update(1, grant) + chunk(1, message(b""), end=True)
    told = machine.receive(bad + request(3, b"fine"))
    assert 1 == only(CallCancelled, told).call_id
    assert b"fine" == [e.body for e in told if isinstance(e, RequestReceived)][-1]
    resets = of(frames.RST_STREAM, machine.take_output())
    assert [(1, code)] == [(frame[2], frames.parse_reset(frame[3])) for frame in resets]


def test_a_bad_grant_of_the_connection_costs_the_connection() -> None:
    """
    More than a window holds ends it, also right behind a call.
    """
    machine = server()
    told = machine.receive(request(1, b"") + frames.window_update(0, 2**31 - 1))
    only(ConnectionFailed, told)
    code = frames.parse_goaway(cut(machine.take_output())[-1][3])[1]
    assert ErrorCode.FLOW_CONTROL_ERROR == code


def test_grants_without_calls_are_a_flood() -> None:
    """
    One comes free with each call; a thousand without any end the connection.
    """
    machine = server(Limits(max_pings=10))
    told = machine.receive(request(1, b"") + frames.window_update(0, 1) * 100)
    assert not [e for e in told if isinstance(e, ConnectionFailed)]
    only(ConnectionFailed, machine.receive(frames.window_update(0, 1)))
    code = frames.parse_goaway(cut(machine.take_output())[-1][3])[1]
    assert ErrorCode.ENHANCE_YOUR_CALM == code
