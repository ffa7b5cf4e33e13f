"""
The fast paths read nothing else than the general way does.

Frames of many streams, interleaved at random and cut anywhere, are read by two machines: one as it
is, and one whose reader was given no fast path.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from attrs import evolve
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    GoAwayReceived,
    MessageReceived,
    ResponseStarted,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frame_reader import FrameReader
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.http2.streams import Streams
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc.pair import HEAD, HELLO, REQUEST, RESPONSE, chunk, cut, message
from tests.plugins.grpc.test_grpc_splits import story

LIMITS = Limits(max_receive_bytes=500, max_calls=12)
OK = [(b"grpc-status", b"0")]
DATA, LAST, HEADERS, TRAILERS = "data", "last data", "headers", "trailers"

#: What may come on a stream: (kind of frame, fields or payload) each. The first are as they
#: mostly are.
REQUESTS: list[list[tuple[str, Any]]] = [
    [(HEADERS, REQUEST), (DATA, message(b"one")), (LAST, b"")],
    [(HEADERS, REQUEST), (LAST, message(b"two"))],
    [(HEADERS, REQUEST), (DATA, message(b"")), (LAST, b"")],
    [(HEADERS, [*REQUEST, (b"trace", b"1")]), (LAST, message(b"traced"))],
    [(HEADERS, REQUEST), (DATA, message(b"a")), (DATA, message(b"b")), (LAST, b"")],
    [(HEADERS, REQUEST), (DATA, message(b"a")), (LAST, message(b"b"))],
    [(HEADERS, REQUEST), (DATA, message(b"a") + message(b"b")), (LAST, b"")],
    [(HEADERS, REQUEST), (DATA, message(b"cut")[:6]), (LAST, message(b"cut")[6:])],
    [(HEADERS, REQUEST), (DATA, message(b"cut")[:3]), (LAST, b"")],
    [(HEADERS, REQUEST), (DATA, b""), (LAST, message(b"late"))],
    [(HEADERS, REQUEST), (LAST, b"")],
    [(HEADERS, REQUEST), (DATA, message(b"no end"))],
    [(HEADERS, REQUEST)],
    [(HEADERS, REQUEST), (DATA, message(b"x", 1)), (LAST, b"")],
    [(HEADERS, REQUEST), (LAST, message(b"x", 2))],
    [(HEADERS, REQUEST), (LAST, message(b"x" * 501))],
    [(HEADERS, REQUEST), (DATA, message(b"x")), (TRAILERS, [(b"a", b"b")])],
    [(HEADERS, REQUEST), (DATA, message(b"x")), ("reset", None)],
    [(HEADERS, REQUEST), ("reset", None)],
    [(HEADERS, REQUEST), ("window", 9), (LAST, message(b"x"))],
    [(HEADERS, REQUEST), (DATA, message(b"x")), ("window", 9), (LAST, b"")],
    [(HEADERS, REQUEST), (DATA, message(b"x")), ("window", 0)],
    [(HEADERS, REQUEST), ("padded", message(b"padded")), (LAST, b"")],
    [(HEADERS, REQUEST), (LAST, message(b"x")), (DATA, message(b"behind the end"))],
    [(HEADERS, REQUEST), (HEADERS, REQUEST)],
    [(HEADERS, [*REQUEST, (b"content-length", b"6")]), (LAST, message(b"x"))],
    [(HEADERS, [*REQUEST, (b"content-length", b"7")]), (DATA, message(b"x")), (LAST, b"")],
    [(HEADERS, REQUEST[1:]), (LAST, message(b"x"))],
    [(HEADERS, [(b":method", b"GET"), *REQUEST[1:]]), (LAST, message(b"x"))],
    [(HEADERS, OK), (LAST, message(b"x"))],
]
RESPONSES: list[list[tuple[str, Any]]] = [
    [(HEADERS, RESPONSE), (DATA, message(b"one")), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"")), (TRAILERS, OK)],
    [(HEADERS, [*RESPONSE, (b"a", b"1")]), (DATA, message(b"a")), (TRAILERS, [*OK, (b"b", b"2")])],
    [(HEADERS, [*RESPONSE, (b"grpc-accept-encoding", b"gzip")]), (DATA, message(b"a"))],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), (DATA, message(b"b")), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"a") + message(b"b")), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"cut")[:6]), (DATA, b"ut"), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"cut")[:6]), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, b""), (DATA, message(b"late")), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), (TRAILERS, [(b"grpc-status", b"5")])],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), (TRAILERS, [(b"x", b"no status")])],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), (TRAILERS, [*RESPONSE, *OK])],
    [(HEADERS, RESPONSE), (LAST, message(b"no trailers"))],
    [(HEADERS, RESPONSE), (DATA, message(b"a"))],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), (LAST, b"")],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), ("reset", None)],
    [(HEADERS, RESPONSE), ("reset", None)],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), ("window", 9), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), ("window", 0)],
    [(HEADERS, RESPONSE), ("padded", message(b"padded")), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"x", 1)), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (DATA, message(b"x" * 501)), (TRAILERS, OK)],
    [(HEADERS, RESPONSE), (HEADERS, RESPONSE), (DATA, message(b"a"))],
    [(HEADERS, RESPONSE), (DATA, message(b"a")), (TRAILERS, OK), (DATA, message(b"b"))],
    [(HEADERS, [*RESPONSE, (b"content-length", b"6")]), (DATA, message(b"a")), (TRAILERS, OK)],
    [(HEADERS, [*RESPONSE, (b"content-length", b"5")]), (DATA, message(b"a")), (TRAILERS, OK)],
    [(HEADERS, [(b":status", b"103")]), (HEADERS, RESPONSE), (DATA, message(b"a"))],
    [(HEADERS, [(b":status", b"502")]), (DATA, b"text")],
    [(TRAILERS, [*RESPONSE, (b"grpc-status", b"7")])],
    [(DATA, message(b"too early"))],
    [("reset", None)],
]
#: Frames of the connection that may come in between.
BETWEEN = [
    frames.ping(bytes(8)),
    frames.window_update(0, 7),
    frames.settings({4: 70_000}),
    frames.goaway(2 * len(RESPONSES) + 5, ErrorCode.NO_ERROR, "drains"),
    frames.goaway(2 * len(RESPONSES) + 5, ErrorCode.INTERNAL_ERROR, "broken"),
    frames.window_update(0, 0),
]


def scripts(usual: list[Any], most: int) -> st.SearchStrategy[list[Any]]:
    """
    Return what comes on each stream: mostly something ordinary.
    """
    return st.lists(st.sampled_from(usual[:3]) | st.sampled_from(usual), max_size=most)


def merged(
    streams: list[list[Any]], order: list[int], first: int = 1, *, indexes: bool = False
) -> list[bytes]:
    """
    Return the frames of the streams, in an order that keeps that of each; streams begin in turn.

    Args:
        order: whose frame is next: of the streams that have one left.
        first: the number of the first stream.
        indexes: whether header fields go through the dynamic table.
    """
    encoder = Encoder()
    left = {first + 2 * place: list(script) for place, script in enumerate(streams)}
    newest, found = first - 2, []
    for choice in [*order, *[0] * sum(map(len, streams))]:
        ready = [number for number in left if number <= newest + 2]
        if choice >= 1000:
            found.append(BETWEEN[choice % len(BETWEEN)])
        elif ready:
            number = ready[choice % len(ready)]
            newest = max(newest, number)
            kind, value = left[number].pop(0)
            if not left[number]:
                del left[number]
            if kind in (HEADERS, TRAILERS):
                value = encoder.encode(value, huffman=False) if indexes else encode(value)
            found.append(frame_of(number, kind, value))
    return found


def frame_of(number: int, kind: str, value: Any) -> bytes:
    if kind == HEADERS:
        return frames.pack(frames.HEADERS, frames.END_HEADERS, number, value)
    if kind == TRAILERS:
        return frames.pack(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, number, value)
    if kind == "reset":
        return frames.reset(number, ErrorCode.CANCEL)
    if kind == "window":
        return frames.window_update(number, value)
    if kind == "padded":
        return frames.pack(frames.DATA, frames.PADDED, number, b"\x02" + value + b"\0\0")
    return chunk(number, value, end=kind == LAST)


@contextmanager
def no_fast_paths() -> Iterator[None]:
    """
    Have the machines that are made meanwhile read all frames the general way.
    """
    start = FrameReader.start
    with patch.object(
        FrameReader, "start", lambda reader, hooks: start(reader, evolve(hooks, fast={}))
    ):
        yield


def told(machine: Any, data: bytes, cuts: list[int]) -> tuple[object, ...]:
    """
    Return all that can be seen of what a machine makes of some bytes.
    """
    places = [0, *sorted({place % len(data) for place in cuts}), len(data)] if data else []
    events = [event for a, b in pairwise(places) for event in machine.receive(data[a:b])]
    kinds = (CallEnded, CallCancelled, GoAwayReceived, ConnectionFailed)
    ends = [event for event in events if isinstance(event, kinds)]
    return (
        story(events),
        sorted((type(end).__name__, getattr(end, "call_id", 0), str(end)) for end in ends),
        sorted(cut(machine.take_output())),
        machine.open_calls,
        machine.unread_bytes,
        machine.held_bytes,
    )


def server(limits: Limits = LIMITS, *, drains: bool = False) -> ServerMachine:
    machine = ServerMachine(limits, ("gzip",))
    machine.start()
    machine.receive(HELLO)
    if drains:
        machine.drain("for a test")
        machine.receive(frames.ping((1).to_bytes(8, "big"), frames.ACK))
    machine.take_output()
    return machine


def client() -> ClientMachine:
    """
    Return a client that has seen all header blocks, with calls that wait for their responses.
    """
    machine = ClientMachine(LIMITS, ("gzip",), "localhost", "http")
    machine.start()
    machine.receive(frames.settings({}))
    for script in RESPONSES:
        number = machine.call(HEAD, b"ask", "", True)
        kinds = (HEADERS, TRAILERS)
        seen = [frame_of(number, kind, encode(value)) for kind, value in script if kind in kinds]
        machine.receive(b"".join([*seen, frames.reset(number, ErrorCode.CANCEL)]))
    for _ in range(10):
        machine.call(HEAD, b"ask", "", True)
    machine.take_output()
    return machine


#: The first call of such a client that waits.
FIRST = 2 * len(RESPONSES) + 1


ORDERS = st.lists(st.integers(0, 7) | st.integers(0, 7) | st.integers(1000, 1005), max_size=40)
CUTS = st.lists(st.integers(0, 5000), max_size=6)


@given(scripts(REQUESTS, 14), ORDERS, CUTS, st.booleans(), st.booleans())
@settings(max_examples=300)
def test_requests_are_the_same_without_fast_paths(streams, order, cuts, indexes, drains) -> None:
    """
    Calls, their ends, the frames in return, and what is held; also of a server that drains.
    """
    data = b"".join(merged(streams, order, indexes=indexes))
    with no_fast_paths():
        expected = told(server(drains=drains), data, cuts)
    assert expected == told(server(drains=drains), data, cuts)


@given(scripts(RESPONSES, 10), ORDERS, CUTS, st.booleans())
@settings(max_examples=200)
def test_responses_are_the_same_without_fast_paths(streams, order, cuts, indexes) -> None:
    """
    Responses, their ends, the frames in return, and what is held.
    """
    data = b"".join(merged(streams, order, FIRST, indexes=indexes))
    with no_fast_paths():
        expected = told(client(), data, cuts)
    assert expected == told(client(), data, cuts)


#: The HEADERS of three streams, then the DATA of all, then their ends.
IN_TURNS = [0, 1, 2, 0, 1, 2, 0, 0, 0]


@pytest.mark.parametrize("script", REQUESTS)
def test_requests_in_turns_are_the_same_without_fast_paths(script: list[Any]) -> None:
    """
    Each kind of request, three times.
    """
    data = b"".join(merged([script] * 3, IN_TURNS))
    with no_fast_paths():
        expected = told(server(), data, [])
    assert expected == told(server(), data, [])


@pytest.mark.parametrize("script", RESPONSES)
def test_responses_in_turns_are_the_same_without_fast_paths(script: list[Any]) -> None:
    """
    Each kind of response, three times.
    """
    data = b"".join(merged([script] * 3, IN_TURNS, FIRST))
    with no_fast_paths():
        expected = told(client(), data, [])
    assert expected == told(client(), data, [])


def test_interleaved_requests_make_no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each is one event, and may be answered in one piece.
    """
    machine = server()
    monkeypatch.setattr(Streams, "find", None)
    events = machine.receive(b"".join(merged(REQUESTS[:1] * 3, IN_TURNS)))
    assert [1, 3, 5] == [event.call_id for event in events]
    for event in events:
        assert (b"one", True) == (event.body, event.ended)
        machine.respond(event.call_id, b"answer")
    assert 0 == machine.open_calls


@pytest.mark.parametrize("together", [True, False])
def test_no_stream_comes_after_the_last_number(*, together: bool) -> None:
    """
    The number after it would have the reserved bit, which says nothing: it is stream 1 again.
    """
    last = frames.MAX_STREAM_ID
    rest = [(LAST, message(b"one"))] if together else [(DATA, message(b"one")), (LAST, b"")]
    data = b"".join(merged([[(HEADERS, REQUEST), *rest]] * 2, [], last))
    with no_fast_paths():
        expected = told(server(), data, [])
    assert expected == told(server(), data, [])
    assert last + 2 not in expected[0]


IN_READS = [
    [(HEADERS, REQUEST), (DATA, message(b"one")), (LAST, b"")],
    [(HEADERS, REQUEST), (LAST, message(b"one"))],
    [(HEADERS, REQUEST), (DATA, message(b"one")[:3]), (LAST, message(b"one")[3:])],
    [(HEADERS, REQUEST), (DATA, message(b"one")), (TRAILERS, [(b"a", b"b")])],
]


@pytest.mark.parametrize("script", IN_READS)
def test_a_request_that_is_whole_after_several_reads_needs_no_stream(
    script: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is answered in one piece, and nothing of it is counted as unread.
    """
    machine = server()
    told = story([event for frame in merged([script], []) for event in machine.receive(frame)])
    assert [b"one", "end"] == told[1][1:]
    assert 0 == machine.unread_bytes
    monkeypatch.setattr(Streams, "find", None)
    machine.respond(1, b"answer")
    kinds = [kind for kind, *_ in cut(machine.take_output())]
    assert [frames.HEADERS, frames.DATA, frames.HEADERS] == kinds
    assert 0 == machine.open_calls


def test_what_the_client_granted_before_its_request_was_whole_counts() -> None:
    """
    A response that the initial window of a stream does not let through is sent.
    """
    machine = server(Limits())
    machine.receive(frames.settings({4: 10}))
    for frame in merged([[(HEADERS, REQUEST), ("window", 90), (LAST, message(b"x"))]], []):
        machine.receive(frame)
    machine.take_output()
    machine.respond(1, b"y" * 95)
    assert 0 == machine.open_calls


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("script", IN_READS)
def test_a_stream_answers_a_request_that_is_whole_after_several_reads(
    script: list[Any], *, early: bool
) -> None:
    """
    With as many messages as it likes, and any status, also if it began before the request ended.
    """
    machine = server()
    first, *rest = merged([script], [])
    machine.receive(first)
    if early:
        machine.start_response(1, EMPTY)
    for frame in rest:
        machine.receive(frame)
    assert machine.send(1, b"a")
    assert machine.send(1, b"b")
    machine.finish(1, Status.NOT_FOUND, "no more")
    kinds = [kind for kind, *_ in cut(machine.take_output())]
    assert [frames.HEADERS, frames.DATA, frames.DATA, frames.HEADERS] == kinds
    assert 0 == machine.open_calls


def test_interleaved_responses_make_no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each is one event, once its header blocks have been seen.
    """
    machine = client()
    monkeypatch.setattr(Streams, "find", None)
    events = machine.receive(b"".join(merged(RESPONSES[:1] * 3, IN_TURNS, FIRST)))
    assert [FIRST, FIRST + 2, FIRST + 4] == [event.call_id for event in events]
    assert [b"one"] * 3 == [event.body for event in events]
    assert 7 == machine.open_calls


@pytest.mark.parametrize("fault", [frames.window_update(0, 0), frames.goaway(1 << 20, 2, "broken")])
def test_a_response_that_has_begun_is_reported_before_its_connection_fails(fault: bytes) -> None:
    """
    A caller that reads a stream gets what has come until then.
    """
    begun = merged(RESPONSES[:1] * 2, IN_TURNS, FIRST)[:3]
    events = client().receive(b"".join([*begun, fault]))
    assert [ResponseStarted, MessageReceived, ResponseStarted] == [
        type(event) for event in events if not isinstance(event, (GoAwayReceived, ConnectionFailed))
    ]
    assert ConnectionFailed is type(events[-1])


def test_the_connection_window_is_given_back_for_interleaved_messages() -> None:
    """
    Half of it at once, as for all others.
    """
    limits = Limits()
    script = [(HEADERS, REQUEST), (DATA, message(bytes(16_000))), (LAST, b"")]
    data = b"".join(merged([script] * 540, [0, 1, 1] * 540))
    with no_fast_paths():
        expected = told(server(limits), data, [])
    found = told(server(limits), data, [])
    assert [frames.WINDOW_UPDATE] == [kind for kind, *_ in found[2]]
    assert expected[:3] == found[:3]
