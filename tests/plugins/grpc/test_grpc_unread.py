"""
Messages that came over gRPC and that nobody has read: how many bytes a connection keeps.
"""

from __future__ import annotations

from rpcfw.spi.events import CallCancelled, MessageReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.settings import CONNECTION_WINDOW_BYTES, INITIAL_WINDOW_SIZE
from tests.plugins.grpc.pair import chunk, head, message, of, server

#: What a message counts beside its body.
OVER = 128
MIB = 1 << 20


def large(machine, stream_id, size):
    """
    Send a message in DATA frames; return the events.
    """
    whole = message(bytes(size))
    events = []
    for at in range(0, len(whole), 16 << 10):
        events += machine.receive(chunk(stream_id, whole[at : at + (16 << 10)]))
    return events


def streams_updated(machine):
    """
    Return the streams whose windows were given back by what is to be written.
    """
    return [frame[2] for frame in of(frames.WINDOW_UPDATE, machine.take_output())]


def test_messages_count_until_they_are_taken():
    """
    Each with its bytes, and with what it takes beside them.
    """
    machine = server()
    machine.receive(head(1) + head(3))
    events = machine.receive(
        chunk(1, message(bytes(1000)) + message(b"")) + chunk(3, message(b"x"))
    )
    assert 1001 + 3 * OVER == machine.unread_bytes
    assert {(1000 + 2 * OVER, 1), (1 + OVER, 3)} == set(machine.unread_calls())
    for event in events:
        if type(event) is MessageReceived:
            machine.consumed(event.call_id, event.cost, len(event.body))
    assert 0 == machine.unread_bytes
    assert [] == machine.unread_calls()


def test_a_large_message_counts_with_all_its_bytes():
    """
    Though most of the window was given back while it came.

    Else a stream could bring sixty such messages that nobody reads in one window.
    """
    machine = server()
    machine.receive(head(1))
    for number in range(1, 4):
        (event,) = large(machine, 1, 3 * MIB)
        assert event.cost < MIB
        assert number * (3 * MIB + OVER) == machine.unread_bytes
    machine.consumed(1, event.cost, 3 * MIB)
    assert 2 * (3 * MIB + OVER) == machine.unread_bytes


def test_a_call_whose_answer_waits_for_a_window_frees_what_it_has_not_read():
    """
    Nobody will read it, and the peer may never grant the window.
    """
    machine = server()
    machine.receive(frames.settings({INITIAL_WINDOW_SIZE: 0}) + head(1))
    machine.receive(chunk(1, message(bytes(1000))))
    machine.respond(1, b"x")
    assert 1 == machine.open_calls
    assert 0 == machine.unread_bytes == machine.held_bytes


def test_such_a_call_frees_a_message_that_is_not_whole_too():
    """
    Nor does what still comes of it count; and once it is over nothing is counted off twice.
    """
    machine = server()
    machine.receive(frames.settings({INITIAL_WINDOW_SIZE: 0}) + head(1))
    machine.receive(chunk(1, message(bytes(5000))[:3000]))
    assert 3000 == machine.held_bytes
    machine.respond(1, b"x")
    assert 1 == machine.open_calls
    assert 0 == machine.held_bytes
    machine.receive(chunk(1, bytes(1000)))
    assert 0 == machine.held_bytes
    machine.receive(frames.window_update(1, 100))
    assert 0 == machine.open_calls
    assert 0 == machine.held_bytes


def test_a_call_that_is_refused_frees_it_too():
    """
    At once.
    """
    machine = server()
    machine.receive(head(1))
    machine.receive(chunk(1, message(bytes(1000))))
    machine.finish(1, Status.RESOURCE_EXHAUSTED, "too much")
    assert 0 == machine.held_bytes


def test_what_is_freed_so_lets_the_peer_send_again():
    """
    The connection's window is given back as soon as no longer too much lies unread.

    The answers may wait for long, and all other calls would stand still meanwhile.
    """
    machine = server(Limits(max_unread_bytes=MIB, max_receive_bytes=64 << 10))
    machine.receive(frames.settings({INITIAL_WINDOW_SIZE: 0}) + head(1) + head(3) + head(5))
    unread = message(bytes(12_000))
    for _ in range(60):
        machine.receive(chunk(1, unread) + chunk(3, unread))
    assert MIB < machine.unread_bytes < 2 * MIB
    machine.take_output()
    for _ in range(CONNECTION_WINDOW_BYTES // 2 // 12_000):
        (event,) = machine.receive(chunk(5, unread))
        machine.consumed(5, event.cost, len(event.body))
    assert 0 not in streams_updated(machine)

    machine.respond(1, b"x")
    machine.respond(3, b"x")
    assert 3 == machine.open_calls
    assert 1 == streams_updated(machine).count(0)


def test_a_call_that_ends_by_bad_framing_leaves_nothing_counted():
    """
    Also if a message has just become whole: what is counted for ever would end other calls.
    """
    machine = server()
    for stream_id in (1, 3):
        machine.receive(head(stream_id) + chunk(stream_id, message(bytes(1000))[:-1]))
        assert 1004 == machine.held_bytes
        [ended] = machine.receive(chunk(stream_id, b"\0" + b"\7none"))
        assert type(ended) is CallCancelled
        assert 0 == machine.held_bytes
