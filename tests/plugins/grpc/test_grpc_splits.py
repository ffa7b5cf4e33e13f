"""
Any split of the bytes tells the same story.
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rpcfw.spi.events import (
    CallEnded,
    HalfClosed,
    MessageReceived,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.message_framing import MessageReader
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc.pair import HEAD, HELLO, REQUEST, RESPONSE, chunk, client, head, message

CUTS = st.lists(st.integers(0, 3000), max_size=30)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(c for c in cuts if c < len(stream)), len(stream)]
    return [stream[a:b] for a, b in pairwise(places)]


def story(events) -> dict[int, list[object]]:
    """
    Return what happened to each call, whether in one event or in several.
    """
    calls: dict[int, list[object]] = {}
    for event in events:
        told = calls.setdefault(getattr(event, "call_id", 0), [])
        if type(event) is RequestReceived:
            told.append((event.head.path, event.head.metadata))
            told += [] if event.body is None else [event.body]
            told += ["end"] if event.ended else []
        elif type(event) is MessageReceived:
            told.append(event.body)
        elif type(event) is HalfClosed:
            told.append("end")
        elif type(event) is ResponseStarted:
            told.append(event.metadata)
        elif type(event) is ResponseReceived:
            told += [event.metadata, event.body, (Status.OK, event.trailers)]
        elif type(event) is CallEnded:
            told.append((event.status, event.trailers))
        else:
            told.append(type(event))
    return calls


def in_frames(stream_id: int, payload: bytes, size: int) -> bytes:
    """
    Return DATA frames of ``size`` bytes, but for the last.
    """
    starts = range(0, len(payload), size)
    return b"".join(chunk(stream_id, payload[start : start + size]) for start in starts)


REQUESTS = HELLO + b"".join(
    (
        head(1) + chunk(1, message(b"whole"), end=True),
        head(3) + chunk(3, message(b"whole again"), end=True),
        head(5) + chunk(5, message(b"one") + message(b"two")[:3]),
        head(7) + chunk(7, message(b"x" * 400), end=True),
        chunk(5, message(b"two")[3:]) + frames.ping(bytes(8)),
        chunk(5, b"", end=True),
        head(9, end=True),
        frames.headers(11, head(11)[9:], 0, 10) + chunk(11, message(b"cut head"), end=True),
        frames.reset(7, 8) + head(13) + frames.window_update(13, 0),
        # As gRPC's C core writes them: a grant behind the head, one behind the message.
        head(15) + frames.window_update(15, 5) + chunk(15, message(b"granted"), end=True),
        frames.window_update(0, 5),
        head(17) + frames.window_update(17, 6) + chunk(17, message(b"more"), end=True),
        frames.window_update(0, 6),
        head(19) + in_frames(19, message(bytes(range(250)) * 8), 300) + chunk(19, b"", end=True),
        frames.goaway(0, 0, ""),
    )
)


@given(CUTS)
@settings(max_examples=200)
def test_requests_in_any_pieces(cuts) -> None:
    """
    A server reports the same calls, messages and ends.
    """
    stories = []
    for parts in ([REQUESTS], pieces(REQUESTS, cuts)):
        machine = ServerMachine(Limits(), ())
        machine.start()
        stories.append(story([event for part in parts for event in machine.receive(part)]))
    assert stories[0] == stories[1]


def test_the_story_of_the_requests() -> None:
    """
    It is the one that was meant: else the property above would hold of nothing.
    """
    machine = ServerMachine(Limits(), ())
    machine.start()
    told = story(machine.receive(REQUESTS))
    assert [b"whole", "end"] == told[1][1:]
    assert [b"one", b"two", "end"] == told[5][1:]
    assert ["end"] == told[9][1:]
    assert [b"cut head", "end"] == told[11][1:]
    assert [bytes(range(250)) * 8, "end"] == told[19][1:]
    assert 2 == len(told[13])


RESPONSES = frames.settings({}) + b"".join(
    (
        head(1, RESPONSE) + chunk(1, message(b"a")) + head(1, [(b"grpc-status", b"0")], end=True),
        head(3, RESPONSE) + chunk(3, message(b"b")) + head(3, [(b"grpc-status", b"0")], end=True),
        head(5, [*RESPONSE, (b"grpc-status", b"5")], end=True),
        head(7, RESPONSE) + chunk(7, message(b"c") + message(b"d")),
        head(9, RESPONSE) + chunk(9, message(b"e")) + head(9, [(b"grpc-status", b"9")], end=True),
        head(7, [(b"grpc-status", b"0"), (b"x", b"y")], end=True),
        head(15, RESPONSE) + in_frames(15, message(bytes(range(250)) * 8), 300),
        head(15, [(b"grpc-status", b"0")], end=True),
        frames.reset(11, 7) + frames.ping(bytes(8)) + head(13, [(b":status", b"502")], end=True),
    )
)


@given(CUTS)
@settings(max_examples=200)
def test_responses_in_any_pieces(cuts) -> None:
    """
    A client reports the same answers.
    """
    stories = []
    for parts in ([RESPONSES], pieces(RESPONSES, cuts)):
        machine = ClientMachine(Limits(), (), "localhost", "http")
        machine.start()
        for _ in range(8):
            machine.call(HEAD, b"", "", True)
        stories.append(story([event for part in parts for event in machine.receive(part)]))
    assert stories[0] == stories[1]
    assert 9 == len(stories[0])
    assert bytes(range(250)) * 8 in stories[0][15]


def test_trailers_that_begin_as_others_do_may_be_split_anywhere() -> None:
    """
    The part that has come is not taken for trailers that are known, and nothing behind is misread.
    """
    good = [(b"grpc-status", b"0")]
    long = [*good, (b"cost", b"12")]

    def response(number: int, trailers: list[tuple[bytes, bytes]]) -> bytes:
        return (
            head(number, RESPONSE) + chunk(number, message(b"m")) + head(number, trailers, end=True)
        )

    split = response(3, long)
    for at in range(1, len(split)):
        machine = client()
        for _ in range(3):
            machine.call(HEAD, b"", "", True)
        machine.receive(response(1, good))
        events = machine.receive(split[:at]) + machine.receive(split[at:] + response(5, good))
        told = story(events)
        assert [b"m", (Status.OK, Metadata((("cost", "12"),)))] == told[3][1:]
        assert [b"m", (Status.OK, EMPTY)] == told[5][1:]


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=2000)), max_size=8), CUTS)
def test_messages_in_any_pieces(messages, cuts) -> None:
    """
    Frames say nothing of where messages begin.
    """
    stream = b"".join(message(body, flag) for flag, body in messages)
    reader = MessageReader(2000)
    found = [each for part in pieces(stream, cuts) for each in reader.feed(part)]
    assert messages == found
    assert 0 == reader.partial


def test_which_frame_has_come_in_part():
    """
    It has a number as long as it is not whole; the parts of a header are one frame.
    """
    machine = ServerMachine(Limits(), ())
    machine.receive(HELLO)
    assert 0 == machine.unfinished_frame
    ping = frames.ping(bytes(8))
    machine.receive(ping[:12])
    first = machine.unfinished_frame
    machine.receive(ping[12:14])
    assert first == machine.unfinished_frame != 0
    machine.receive(ping[14:] + ping[:12])
    assert machine.unfinished_frame not in (0, first)
    machine.receive(ping[12:])
    assert 0 == machine.unfinished_frame

    block = encode(REQUEST)
    machine.receive(frames.pack(frames.HEADERS, frames.END_STREAM, 1, block[:5]))
    begun = machine.unfinished_frame
    assert 0 != begun
    more = frames.pack(frames.CONTINUATION, 0, 1, block[5:6])
    machine.receive(more[:4])
    machine.receive(more[4:])
    assert begun == machine.unfinished_frame
    machine.receive(frames.pack(frames.CONTINUATION, frames.END_HEADERS, 1, block[6:]))
    assert 0 == machine.unfinished_frame
