"""
Messages that came and that nobody has read: how many bytes a connection keeps of them.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.events import CallCancelled, CallEnded, MessageReceived
from rpcfw.status import Status
from tests.unit.wire.speech import (
    CANCEL,
    END,
    MESSAGE,
    NO_MESSAGE,
    RESPONSE,
    client,
    field,
    frame,
    head,
    request,
    server,
)

#: What a message counts beside its body.
OVER = 128


def opened(calls=1, **limits):
    """
    Return a server's machine with open streams.
    """
    machine = server(**limits)
    for number in range(calls):
        machine.receive(request(2 * number + 1, flags=NO_MESSAGE))
    return machine


def message(call_id, size):
    return frame(MESSAGE, body=bytes(size), call_id=call_id)


def test_messages_count_until_they_are_taken():
    """
    Each with its bytes, and with what it takes beside them.
    """
    machine = opened(2)
    events = machine.receive(message(1, 1000) + message(1, 0) + message(3, 500))
    assert 1500 + 3 * OVER == machine.unread_bytes == machine.held_bytes
    assert {(1000 + 2 * OVER, 1), (500 + OVER, 3)} == set(machine.unread_calls())
    for event in events:
        machine.consumed(event.call_id, event.cost)
    assert 0 == machine.unread_bytes
    assert [] == machine.unread_calls()


def test_half_a_frame_is_held():
    """
    Though it is no message yet.
    """
    machine = opened()
    machine.receive(message(1, 1000)[:-1])
    assert 1015 == machine.held_bytes
    assert 0 == machine.unread_bytes


@pytest.mark.parametrize(
    "end",
    [
        lambda machine: machine.receive(frame(CANCEL, call_id=1)),
        lambda machine: machine.cancel(1),
        lambda machine: machine.respond(1, b"x"),
        lambda machine: machine.finish(1, Status.OK),
        lambda machine: machine.finish(1, Status.INTERNAL),
        lambda machine: machine.fail("enough"),
        lambda machine: machine.receive(b"\xff" * 16),
    ],
    ids=["cancelled", "given up", "answered", "finished", "failed", "closed", "broken off"],
)
def test_the_end_of_a_call_frees_what_it_has_not_read(end):
    """
    However it ends.
    """
    machine = opened()
    machine.receive(message(1, 1000))
    end(machine)
    assert 0 == machine.held_bytes


def test_a_call_whose_end_waits_for_credit_frees_it_too():
    """
    It may wait for long, and reads no more.
    """
    machine = opened()
    machine.receive(message(1, 1000))
    machine.start_response(1, head().metadata)
    while machine.send(1, bytes(1 << 20)):
        pass
    machine.send(1, b"x")
    machine.finish(1, Status.OK)
    assert 1 == machine.open_calls
    assert 0 == machine.held_bytes


def test_a_server_ends_the_call_that_brings_too_much():
    """
    With RESOURCE_EXHAUSTED; the others and the connection go on.
    """
    machine = opened(3, max_unread_bytes=10_000)
    machine.receive(message(1, 5000) + message(3, 4000))
    (event,) = machine.receive(message(5, 3000))
    assert CallCancelled is type(event)
    assert 5 == event.call_id
    assert "max_unread_bytes of 10000" in event.reason
    assert field(6, bytes((Status.RESOURCE_EXHAUSTED,))) in machine.take_output()
    (event,) = machine.receive(message(1, 100))
    assert MessageReceived is type(event)
    assert 9100 + 3 * OVER == machine.unread_bytes


def test_a_client_gives_the_call_up():
    """
    A server that sends what nobody reads gets no more memory than a client would.
    """
    machine = client(max_unread_bytes=10_000)
    ids = [machine.call(head(), b"", "", True) for _ in range(3)]
    machine.take_output()
    machine.receive(b"".join(frame(RESPONSE, call_id=each) for each in ids))
    machine.receive(message(ids[0], 5000) + message(ids[1], 4000))
    (event,) = machine.receive(message(ids[2], 3000))
    assert CallEnded is type(event)
    assert Status.RESOURCE_EXHAUSTED is event.status
    assert frame(CANCEL)[:4] == machine.take_output()[:4]
    machine.receive(frame(END, field(6, b"\0"), call_id=ids[0]))
    assert 4000 + OVER == machine.unread_bytes
