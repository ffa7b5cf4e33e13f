"""
Versions, features and limits: what two sides agree on, and a peer newer than this one.
"""

from __future__ import annotations

from struct import pack

import pytest

from rpcfw.errors import LocalProtocolError, MessageTooLarge, Overloaded
from rpcfw.spi.events import HandshakeCompleted, RequestReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint
from rpcfw.values.metadata import Metadata
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.server import ServerMachine
from tests.unit.wire.speech import (
    CANCEL,
    END,
    ENDED,
    FAILED,
    GOAWAY,
    HELLO,
    MESSAGE,
    NO_MESSAGE,
    PING,
    PONG,
    REQUEST,
    RESPONSE,
    client,
    field,
    frame,
    frames,
    greeted,
    head,
    hello,
    request,
    server,
)

#: What a version to come may say that this one does not know.
NEWS = field(33, b"sharding,telepathy") + field(77, b"?") + field(200, b"")


def test_both_sides_say_what_they_take():
    """
    Each side learns the other's compressions, and the server its caller's name.
    """
    near, far = ClientMachine(Limits(), ("gzip",), "shop"), ServerMachine(Limits(), ("zstd",), "")
    near.start()
    far.start()
    (at_server,) = far.receive(near.take_output())
    (at_client,) = near.receive(far.take_output())
    near.call(head(), b"", "", ended=True)
    (event,) = far.receive(near.take_output())

    assert (("gzip",), ("zstd",)) == (at_server.accepts, at_client.accepts)
    assert ("shop", ("gzip",)) == (event.head.caller, event.head.accepts)


def test_the_server_waits_to_be_greeted():
    """
    A server says nothing to a connection that has not said HELLO, not even a farewell.
    """
    machine = ServerMachine(Limits(), (), "")
    machine.start()
    machine.drain("going")
    machine.ping()

    assert b"" == machine.take_output()
    machine.receive(hello())
    assert [HELLO, GOAWAY] == [kind for kind, *_ in frames(machine.take_output())]


def test_no_call_before_hello():
    """
    A call before the server's HELLO is a mistake of this side.
    """
    machine = ClientMachine(Limits(), (), "")
    machine.start()

    with pytest.raises(LocalProtocolError, match="before the peer's HELLO"):
        machine.call(head(), b"", "", ended=True)


def test_the_servers_limits_hold():
    """
    A client keeps to the calls, bodies and headers that the server said it takes.
    """
    limits = field(34, pack(">I", 10)) + field(35, pack(">I", 1024)) + field(37, pack(">I", 2))
    machine = client(limits)
    machine.call(head(), bytes(10), "", ended=True)

    with pytest.raises(MessageTooLarge, match=r"11 bytes to send.*max_receive_bytes of 10 bytes"):
        machine.call(head(), bytes(11), "", ended=True)
    with pytest.raises(MessageTooLarge, match="max_header_bytes is 1024"):
        machine.call(head(metadata=Metadata((("long", "x" * 1100),))), b"", "", ended=True)
    machine.call(head(), b"", "", ended=True)
    with pytest.raises(Overloaded, match="max_calls of 2") as caught:
        machine.call(head(), b"", "", ended=True)
    assert caught.value.hints & Hint.NEVER_SENT


def test_silence_means_little():
    """
    A peer that says nothing of its limits is given no more than the page's defaults.
    """
    machine = client()
    for _ in range(100):
        machine.call(head(), b"", "", ended=True)

    with pytest.raises(Overloaded, match="max_calls of 100"):
        machine.call(head(), b"", "", ended=True)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(2**40, 2**40, 2**40, 2**40, 2**40),
        Limits(max_header_bytes=0, stream_window_bytes=0),
    ],
)
def test_limits_beyond_the_field(limits):
    """
    Limits that a field cannot hold are brought near, and both sides still agree.
    """
    near, far = greeted(limits, limits)
    near.call(head(), b"abc", "", ended=True)

    assert [b"abc"] == [event.body for event in far.receive(near.take_output())]


def test_a_hello_fits_the_smallest_peer():
    """
    However much there is to say, HELLO is no longer than every side takes.
    """
    names = tuple(f"compression-{number}" for number in range(100))
    machine = ClientMachine(Limits(), names, "long" * 100)
    machine.start()
    ((_, _, header, _),) = frames(machine.take_output())

    assert len(header) <= 1024
    (event,) = ServerMachine(Limits(max_header_bytes=0), (), "").receive(frame(HELLO, header))
    assert names[: len(event.accepts)] == event.accepts


# A peer of a version to come.


def test_a_newer_client():
    """
    A client that speaks versions 1 to 3, and says what nobody knows yet, is served.
    """
    machine = ServerMachine(Limits(), (), "")
    odd = frame(0x80, b"not even fields", b"x" * 1000, 77) + frame(0xFF, flags=0xFF)
    events = machine.receive(hello(b"\x01\x03", NEWS) + odd)
    events += machine.receive(odd + request(1, b"abc", more=NEWS, flags=ENDED | 0xF0) + odd)

    assert [HandshakeCompleted, RequestReceived] == [type(event) for event in events]
    assert b"abc" == events[1].body
    machine.respond(1, b"def")
    assert [HELLO, RESPONSE] == [kind for kind, *_ in frames(machine.take_output())]


def test_a_newer_server():
    """
    A server that speaks versions 1 to 3, and says what nobody knows yet, is called.
    """
    machine = ClientMachine(Limits(), (), "")
    machine.start()
    odd = frame(0x80, b"not even fields", b"x" * 1000, 77) + frame(0xFF, flags=0xFF)
    assert [HandshakeCompleted] == [
        type(event) for event in machine.receive(hello(b"\1\3", NEWS) + odd)
    ]
    machine.call(head(), b"", "", ended=True)
    answer = frame(RESPONSE, NEWS, b"abc", 1, flags=ENDED | 0xF0)

    assert [b"abc"] == [event.body for event in machine.receive(odd + answer + odd)]


def test_a_newer_client_in_every_frame():
    """
    Fields and flags that nobody knows are skipped in every kind of frame.
    """
    machine = server()
    data = request(1, more=NEWS, flags=NO_MESSAGE | 0xF0)
    for kind, body in ((MESSAGE, b"x"), (PING, b"x"), (PONG, b"x"), (END, b""), (GOAWAY, b"")):
        call_id = 1 if kind in (MESSAGE, END) else 0
        data += frame(kind, NEWS, body, call_id, flags=0xF0)
    data += frame(CANCEL, NEWS, b"", 1) + frame(FAILED, NEWS)

    assert [
        "RequestReceived",
        "MessageReceived",
        "PingAnswered",
        "HalfClosed",
        "GoAwayReceived",
        "CallCancelled",
        "ConnectionFailed",
    ] == [type(event).__name__ for event in machine.receive(data)]


def test_an_optional_frame_may_be_huge():
    """
    An optional kind that nobody knows is skipped even if it is longer than any limit.
    """
    machine = server(max_receive_bytes=10)

    assert [] == machine.receive(frame(0x80, b"", bytes(11)))
    assert [1] == [event.call_id for event in machine.receive(request(1))]


def test_fields_that_come_twice():
    """
    Of a field that comes twice the last one counts; metadata may repeat.
    """
    machine = server()
    more = field(3, pack(">I", 1)) + field(4, b"\1ax") + field(3, pack(">I", 9)) + field(4, b"\1ay")
    (event,) = machine.receive(request(1, more=more))

    assert 0.009 == event.head.timeout_s
    assert (("a", "x"), ("a", "y")) == event.head.metadata.pairs


def test_a_codec_by_name():
    """
    A codec that has no number travels by name; a number nobody knows is shown as such.
    """
    near, far = greeted()
    near.call(head(codec="mine"), b"", "", ended=True)
    (event,) = far.receive(near.take_output())
    unknown = frame(REQUEST, field(2, b"\0\1"), b"", 3, flags=ENDED, codec=77)

    assert "mine" == event.head.codec
    assert "number 77" == far.receive(unknown)[0].head.codec
