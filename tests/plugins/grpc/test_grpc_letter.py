"""
What gRPC's own documents and RFC 9113 ask for, sentence by sentence.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rpcfw.spi.events import (
    CallEnded,
    ConnectionFailed,
    GoAwayReceived,
    RequestReceived,
    ResponseReceived,
)
from rpcfw.spi.machine import Machine
from rpcfw.status import Status
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.status import from_http
from tests.plugins.grpc.pair import (
    HEAD,
    REQUEST,
    RESPONSE,
    chunk,
    client,
    cut,
    head,
    message,
    of,
    only,
    server,
)

LARGE = [(b"x-large", b"v" * 70_000)]
TRAILERS = [(b"grpc-status", b"0")]


def long_head(stream_id: int, fields: list[tuple[bytes, bytes]], *, end: bool = False) -> bytes:
    """
    Return a HEADERS frame and the CONTINUATION frames that it needs.
    """
    return frames.headers(stream_id, encode(fields), frames.END_STREAM if end else 0, 16_384)


def test_metadata_far_over_the_limit_costs_a_request_only() -> None:
    """
    70 kB of metadata are refused by name of the option, and the next call is served.
    """
    machine = server()
    begun = long_head(1, REQUEST + LARGE) + chunk(1, message(b""), end=True)
    events = machine.receive(begun + head(3) + chunk(3, message(b"m"), end=True))
    assert 3 == only(RequestReceived, events).call_id
    out = machine.take_output()
    assert b"max_header_bytes = 16384" in out
    assert [] == of(frames.GOAWAY, out)


@pytest.mark.parametrize("where", ["head", "trailers", "trailers only"])
def test_metadata_far_over_the_limit_costs_an_answer_only(where: str) -> None:
    """
    Likewise for a server's metadata, before its messages and after them.
    """
    machine = client()
    first, second = (machine.call(HEAD, b"", "", True) for _ in range(2))
    answers = {
        "head": long_head(first, RESPONSE + LARGE),
        "trailers": head(first, RESPONSE) + long_head(first, TRAILERS + LARGE, end=True),
        "trailers only": long_head(first, RESPONSE + TRAILERS + LARGE, end=True),
    }
    good = head(second, RESPONSE) + chunk(second, message(b"m"))
    events = machine.receive(answers[where] + good + head(second, TRAILERS, end=True))
    ended = only(CallEnded, events)
    assert (first, Status.RESOURCE_EXHAUSTED) == (ended.call_id, ended.status)
    assert second == only(ResponseReceived, events).call_id


def test_metadata_without_bounds_costs_the_connection() -> None:
    """
    What is read of a header block is bounded, whatever the limit.
    """
    machine = server()
    begin = frames.pack(frames.HEADERS, 0, 1, b"")
    more = frames.pack(frames.CONTINUATION, 0, 1, bytes(16_384))
    assert [] == machine.receive(begin + more * 16)
    assert 262_144 == machine.held_bytes
    only(ConnectionFailed, machine.receive(more))


@pytest.mark.parametrize("make", [client, server])
def test_whoever_closes_says_goaway(make: Callable[[], Machine]) -> None:
    """
    RFC 9113, section 6.8: an endpoint should always send GOAWAY before it closes.
    """
    machine = make()
    machine.closing("the client has stopped")
    [(_, _, _, payload)] = of(frames.GOAWAY, machine.take_output())
    assert (0, 0, "the client has stopped") == frames.parse_goaway(payload)
    machine.closing("again")
    machine.fail("and again")
    assert b"" == machine.take_output()


def test_a_closing_server_names_the_last_call_that_it_began() -> None:
    """
    So a client knows what it may send again; here after the first GOAWAY of a graceful stop.
    """
    machine = server()
    machine.receive(head(1) + head(3))
    machine.drain("stopping")
    machine.closing("stopping")
    last = [frames.parse_goaway(frame[3])[0] for frame in of(frames.GOAWAY, machine.take_output())]
    assert [frames.MAX_STREAM_ID, 3] == last


def test_a_client_that_closes_is_no_fault() -> None:
    """
    A server takes its GOAWAY as a peer that leaves, not as a connection that broke.
    """
    ours, theirs = client(), server()
    ours.closing("the client has stopped")
    events = theirs.receive(ours.take_output())
    assert "GOAWAY, NO_ERROR: the client has stopped" == only(GoAwayReceived, events).reason


def test_a_ping_behind_trailers_is_answered() -> None:
    """
    PING frames may stand between any two others, and behind the last.
    """
    machine = client()
    call_id = machine.call(HEAD, b"", "", True)
    machine.take_output()
    answer = head(call_id, RESPONSE) + chunk(call_id, message(b"m"))
    machine.receive(answer + head(call_id, TRAILERS, end=True) + frames.ping(b"12345678"))
    assert [(frames.PING, frames.ACK, 0, b"12345678")] == cut(machine.take_output())


LISTED = {
    400: Status.INTERNAL,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    429: Status.UNAVAILABLE,
    502: Status.UNAVAILABLE,
    503: Status.UNAVAILABLE,
    504: Status.UNAVAILABLE,
}


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize(
    "http", [*LISTED, 204, 300, 302, 402, 408, 409, 412, 413, 418, 431, 500, 501]
)
def test_http_statuses_without_a_grpc_status(http: int, *, ended: bool) -> None:
    """
    The table of http-grpc-status-mapping.md; all that it does not list is UNKNOWN.
    """
    machine = client()
    call_id = machine.call(HEAD, b"", "", True)
    fields = [(b":status", b"%d" % http), (b"content-type", b"text/html")]
    [event] = machine.receive(head(call_id, fields, end=ended))
    assert LISTED.get(http, Status.UNKNOWN) is event.status
    assert event.status is from_http(http)


def test_a_grpc_status_counts_whatever_http_says() -> None:
    """
    "If grpc-status was provided, it must be used."
    """
    machine = client()
    call_id = machine.call(HEAD, b"", "", True)
    fields = [(b":status", b"503"), (b"grpc-status", b"5"), (b"grpc-message", b"no such")]
    ended = only(CallEnded, machine.receive(head(call_id, fields, end=True)))
    assert (Status.NOT_FOUND, "no such") == (ended.status, ended.message)


RESETS = {
    ErrorCode.NO_ERROR: Status.INTERNAL,
    ErrorCode.PROTOCOL_ERROR: Status.INTERNAL,
    ErrorCode.INTERNAL_ERROR: Status.INTERNAL,
    ErrorCode.FLOW_CONTROL_ERROR: Status.INTERNAL,
    ErrorCode.SETTINGS_TIMEOUT: Status.INTERNAL,
    ErrorCode.FRAME_SIZE_ERROR: Status.INTERNAL,
    ErrorCode.REFUSED_STREAM: Status.UNAVAILABLE,
    ErrorCode.CANCEL: Status.CANCELLED,
    ErrorCode.COMPRESSION_ERROR: Status.INTERNAL,
    ErrorCode.CONNECT_ERROR: Status.INTERNAL,
    ErrorCode.ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: Status.PERMISSION_DENIED,
}


@pytest.mark.parametrize("code", RESETS)
def test_resets_have_the_status_of_the_table(code: ErrorCode) -> None:
    """
    PROTOCOL-HTTP2.md, "Errors"; two of them with a detail that it asks for.
    """
    machine = client()
    call_id = machine.call(HEAD, b"", "", True)
    ended = only(CallEnded, machine.receive(frames.reset(call_id, code)))
    assert RESETS[code] is ended.status
    assert (code is ErrorCode.ENHANCE_YOUR_CALM) == ("bandwidth" in ended.message)
    assert (code is ErrorCode.INADEQUATE_SECURITY) == ("not secure enough" in ended.message)
