"""
What a peer can make us do and keep: in proportion to what it sends, and no more.
"""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import pytest

from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    MessageReceived,
    RequestReceived,
    ResponseReceived,
    StreamWritable,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.settings import INITIAL_WINDOW_SIZE
from tests.plugins.grpc.pair import (
    HEAD,
    REQUEST,
    RESPONSE,
    chunk,
    client,
    head,
    message,
    of,
    only,
    server,
)

TRAILERS = [(b"grpc-status", b"0")]


def window(size: int) -> bytes:
    """
    Return a SETTINGS frame that changes the first window of all streams.
    """
    return frames.settings({INITIAL_WINDOW_SIZE: size})


def sent(output: bytes) -> dict[int, int]:
    """
    Return how many bytes of DATA an output has, by stream.
    """
    sizes: dict[int, int] = {}
    for _, _, stream_id, payload in of(frames.DATA, output):
        sizes[stream_id] = sizes.get(stream_id, 0) + len(payload)
    return sizes


def waiting_server(calls: int, size: int = 995):
    """
    Return a server whose answers wait, for its peer gives streams no room.
    """
    machine = server()
    machine.receive(window(0))
    for number in range(1, 2 * calls, 2):
        machine.receive(head(number) + chunk(number, message(b""), end=True))
        machine.respond(number, bytes(size))
    machine.take_output()
    return machine


def test_a_machine_says_what_waits_for_room() -> None:
    """
    Answers are counted with their prefixes until they leave, or their call is over.
    """
    machine = waiting_server(4)
    assert 4000 == machine.unsent_bytes
    machine.receive(frames.window_update(1, 400))
    assert 3600 == machine.unsent_bytes
    machine.receive(frames.reset(1, 8))
    assert 3000 == machine.unsent_bytes
    machine.receive(window(1000))
    assert {3: 1000, 5: 1000, 7: 1000} == {
        number: size for number, size in sent(machine.take_output()).items() if number > 1
    }
    assert 0 == machine.unsent_bytes


@pytest.mark.parametrize("rest", [1, 20_000])
def test_what_waits_of_a_large_message_keeps_little_of_it(rest: int) -> None:
    """
    A peer that leaves the last bytes of each response waiting holds four times them, at most.
    """
    machine = server()
    machine.receive(window(100_005 - rest) + frames.window_update(0, 10_000_000))
    requests = [head(number) + chunk(number, message(b""), end=True) for number in range(1, 20, 2)]
    machine.receive(b"".join(requests))
    tracemalloc.start()
    try:
        for number in range(1, 20, 2):
            machine.respond(number, bytes(100_000))
            machine.take_output()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 10 * rest == machine.unsent_bytes
    assert 4 * machine.unsent_bytes + 10 * 4_000 > held
    machine.receive(window(100_005))
    assert dict.fromkeys(range(1, 20, 2), rest) == sent(machine.take_output())


def test_a_connection_that_ended_keeps_nothing() -> None:
    """
    What waited for room is gone with the connection, and not when the collector comes.
    """
    machine = waiting_server(calls=3)

    machine.fail("the connection is closed")

    assert 0 == machine.unsent_bytes
    assert 0 == machine.open_calls


@pytest.mark.parametrize("make", [lambda: waiting_server(calls=3), client])
def test_a_connection_that_ended_is_freed_at_once(make) -> None:
    """
    By its references: its parts refer to each other, and let go when it ends.
    """
    machine = make()
    gone = weakref.ref(machine), weakref.ref(machine._connection)  # noqa: SLF001 - its parts
    gc.disable()
    try:
        machine.fail("the connection is closed")
        del machine
        assert [None, None] == [each() for each in gone]
    finally:
        gc.enable()


def test_a_client_says_so_too() -> None:
    """
    Its requests wait in the same way, and no more once they were cancelled.
    """
    machine = client({INITIAL_WINDOW_SIZE: 0})
    first = machine.call(HEAD, bytes(95), "", True)
    second = machine.call(HEAD, bytes(195), "", True)
    assert 300 == machine.unsent_bytes
    machine.cancel(first)
    assert 200 == machine.unsent_bytes
    machine.receive(frames.window_update(second, 200))
    assert 0 == machine.unsent_bytes


def test_a_changed_window_is_for_all_streams() -> None:
    """
    RFC 9113, section 6.9.2: what was sent stays counted, and a window may be below zero.
    """
    machine = server()
    machine.receive(window(600))
    for number in (1, 3):
        machine.receive(head(number) + chunk(number, message(b""), end=True))
    machine.start_response(1, EMPTY)
    machine.send(1, bytes(995))
    assert {1: 600} == sent(machine.take_output())
    machine.receive(window(100))
    machine.receive(frames.window_update(1, 500))
    assert {} == sent(machine.take_output())
    machine.receive(frames.window_update(1, 100))
    assert {1: 100} == sent(machine.take_output())
    assert 1 == only(StreamWritable, machine.receive(window(400))).call_id
    assert {1: 300} == sent(machine.take_output())
    machine.respond(3, bytes(995))
    assert {3: 400} == sent(machine.take_output())


def test_tiny_messages_end_their_call_before_they_fill_the_memory() -> None:
    """
    Beyond twice what holds the window back, a call that brings more is given up.
    """
    machine = server(Limits(stream_window_bytes=1 << 20, max_receive_bytes=1 << 20))
    tiny = message(b"") * 3276
    ended = []
    for number in range(1, 21, 2):
        machine.receive(head(number))
        for _ in range(60):
            events = machine.receive(chunk(number, tiny))
            ended += [event for event in events if type(event) is CallCancelled]
            if any(event.call_id == number for event in ended):
                break
    assert ended
    assert "unread messages on one connection" in ended[0].reason
    assert machine.held_bytes < 130 << 20


def test_messages_that_were_taken_count_no_more() -> None:
    """
    A reader that keeps up may be sent as many small messages as there are.
    """
    machine = server()
    machine.receive(head(1))
    for _ in range(100):
        for event in machine.receive(chunk(1, message(b"m") * 2000)):
            machine.consumed(event.call_id, event.cost)
        assert 0 == machine.held_bytes
    machine.receive(head(3) + chunk(3, message(b"x" * 9)))
    machine.receive(frames.reset(3, 8))
    assert 0 == machine.held_bytes


@pytest.mark.parametrize("compressed", [0, 1])
def test_calls_of_one_read_are_put_together_whatever_their_number(compressed: int) -> None:
    """
    Requests that take the long way are one event each, in order, and none is lost.
    """
    machine = server()
    fields = [*REQUEST, (b"grpc-encoding", b"gzip")]
    calls = [
        head(number, fields) + chunk(number, message(b"%d" % number, compressed), end=True)
        for number in range(1, 4001, 2)
    ]
    events = machine.receive(b"".join(calls))
    assert [(number, b"%d" % number) for number in range(1, 4001, 2)] == [
        (event.call_id, event.body) for event in events
    ]
    assert 0 == machine.held_bytes


def test_answers_of_one_read_are_put_together_whatever_their_number() -> None:
    """
    The same for a client, between answers that come in pieces.
    """
    machine = client(limits=Limits())
    calls = [machine.call(HEAD, b"", "", True) for _ in range(90)]
    answers = b""
    for number in calls[:-1]:
        answers += head(number, RESPONSE) + chunk(number, b"") + chunk(number, message(b"m"))
        answers += head(number, TRAILERS, end=True)
    last = head(calls[-1], RESPONSE) + chunk(calls[-1], message(b"part"))
    events = machine.receive(answers + last)
    assert [ResponseReceived] * 89 == [type(event) for event in events[:89]]
    assert calls[:-1] == [event.call_id for event in events[:89]]
    assert b"part" == only(MessageReceived, events).body
    [ended] = machine.receive(head(calls[-1], TRAILERS, end=True))
    assert type(ended) is CallEnded
    assert Status.OK is ended.status


def test_requests_beyond_all_calls_are_still_requests() -> None:
    """
    One that is begun after many answers waited is told of as any other.
    """
    machine = waiting_server(100)
    begun = head(4001) + chunk(4001, message(b"x"), end=True)
    assert 4001 == only(RequestReceived, machine.receive(begun)).call_id
