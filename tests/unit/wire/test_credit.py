"""
Credit: what a stream may have on its way, unread.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.events import MessageReceived, StreamWritable
from rpcfw.spi.machine import Limits
from tests.unit.wire.speech import CREDIT, MESSAGE, frame, frames, greeted, head


def streaming(window_bytes: int):
    """
    Return both ends with call 1 open, a stream in both directions.
    """
    limits = Limits(stream_window_bytes=window_bytes)
    near, far = greeted(limits, limits)
    near.call(head(), None, "", ended=False)
    far.receive(near.take_output())
    return near, far


@pytest.mark.parametrize("to_server", [True, False])
def test_a_stream_waits_for_its_reader(to_server):
    """
    A sender stops at the window, and goes on when the reader has taken half of it.
    """
    near, far = streaming(100)
    sender, reader = (near, far) if to_server else (far, near)
    assert [True, True, False] == [sender.send(1, bytes(20)) for _ in range(3)]
    sender.send(1, b"queued")
    events = reader.receive(sender.take_output())
    assert [36, 36, 36] == [event.cost for event in events]

    reader.consumed(1, 36)
    assert b"" == reader.take_output()
    reader.consumed(1, 36)
    assert [(CREDIT, b"\0\0\0\x48")] == [(f[0], f[3]) for f in frames(reader.take_output())]
    assert [StreamWritable] == [
        type(e) for e in sender.receive(frame(CREDIT, b"", b"\0\0\0\x48", 1))
    ]
    assert [b"queued"] == [event.body for event in reader.receive(sender.take_output())]


def test_a_message_larger_than_the_window():
    """
    One message may take the credit below zero; the next waits until it is above again.
    """
    near, far = streaming(10)
    assert not near.send(1, bytes(1000))
    near.send(1, b"next")
    (event,) = far.receive(near.take_output())
    assert isinstance(event, MessageReceived)

    far.consumed(1, event.cost)
    near.receive(far.take_output())
    assert [b"next"] == [event.body for event in far.receive(near.take_output())]


def test_empty_messages_are_not_free():
    """
    Messages without a body cost, too, so their number is bounded.
    """
    near, _ = streaming(160)

    assert [True] * 9 + [False] == [near.send(1, b"") for _ in range(10)]


def test_nobody_waits_for_the_others_stream():
    """
    A stream that nobody reads does not stop another one.
    """
    near, far = streaming(10)
    near.send(1, bytes(100))
    near.call(head(), None, "", ended=False)
    near.send(3, b"free")

    assert b"free" == far.receive(near.take_output())[-1].body


def test_room_is_told_once():
    """
    Room is told to a sender that was told "full", once, and only when there is some.
    """
    near, _ = streaming(10)
    grant = frame(CREDIT, b"", b"\0\0\0\x64", 1)
    assert [] == near.receive(grant)
    near.send(1, bytes(200))

    assert [] == near.receive(grant)
    assert [StreamWritable] == [type(event) for event in near.receive(grant)]
    assert [] == near.receive(grant)


def test_an_ended_side_is_granted_nothing():
    """
    Credit is of no use to a side that has ended.
    """
    near, far = streaming(10)
    near.send(1, b"abc")
    near.end(1)
    message, _ = far.receive(near.take_output())
    far.consumed(1, message.cost)

    assert b"" == far.take_output()


def test_the_end_waits_behind_the_messages():
    """
    The end of a side comes after all that was sent before it.
    """
    near, far = streaming(10)
    for body in (b"a" * 10, b"b" * 10, b"c" * 10):
        near.send(1, body)
    near.end(1)
    seen = []
    for _ in range(4):
        for event in far.receive(near.take_output()):
            seen.append(type(event).__name__)
            if isinstance(event, MessageReceived):
                far.consumed(1, event.cost)
        near.receive(far.take_output())

    assert ["MessageReceived"] * 3 + ["HalfClosed"] == seen


def test_credit_is_the_receivers():
    """
    The window that a side has said is what its peer may send, not what it sends itself.
    """
    near, far = greeted(Limits(stream_window_bytes=1000), Limits(stream_window_bytes=20))
    near.call(head(), None, "", ended=False)
    far.receive(near.take_output())

    assert not near.send(1, b"abcd")
    assert far.send(1, b"abcd")
    assert MESSAGE == frames(far.take_output())[0][0]
