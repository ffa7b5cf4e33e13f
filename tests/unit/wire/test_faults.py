"""
What is wrong, and what it costs: section 7 of the page, row by row.
"""

from __future__ import annotations

from struct import pack

import pytest

from rpcfw.spi.events import CallCancelled, CallEnded, ConnectionFailed, RequestReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.server import ServerMachine
from tests.unit.wire.speech import (
    CANCEL,
    COMPRESSED,
    CREDIT,
    END,
    ENDED,
    FAILED,
    GOAWAY,
    HELLO,
    MESSAGE,
    NO_MESSAGE,
    ONE_WAY,
    PING,
    REQUEST,
    RESPONSE,
    client,
    fault,
    field,
    frame,
    frames,
    head,
    hello,
    request,
    server,
)

OPEN = request(1, flags=NO_MESSAGE)
METHOD = field(2, pack(">H", 1))

#: (what is wrong, what a greeted server gets, a part of the reason)
BROKEN = [
    ("magic", b"GET / HTTP/1.1\r\n\r\n", "expected f75201"),
    ("version", frame(PING, start=b"\xf7\x52\x02"), "f75202, expected f75201"),
    ("kind below 80", frame(0x7F), "frame kind 127"),
    ("kind 0", frame(0), "frame kind 0"),
    ("a RESPONSE to a server", frame(RESPONSE, call_id=1), "frame kind 3"),
    ("a second HELLO", hello(), "second HELLO"),
    ("two bytes of a field", frame(REQUEST, b"\x01\x00", call_id=1), "2 bytes are left over"),
    ("a field longer than the header", frame(REQUEST, b"\x01\x00\x09ab", call_id=1), "9 bytes, 2"),
    ("no method", frame(REQUEST, call_id=1, flags=ENDED), "method number 0"),
    ("unknown method", frame(REQUEST, field(2, b"\0\7"), call_id=1), "method number 7"),
    ("method of 3 bytes", frame(REQUEST, field(2, b"\0\0\1"), call_id=1), "3 bytes, expected 2"),
    ("an empty path", frame(REQUEST, field(1, b"\0\1"), call_id=1), "path of 1 to 1024"),
    ("half a number", frame(REQUEST, field(1, b"\0"), call_id=1), "path of 1 to 1024"),
    ("a path too long", request(path=b"a" * 1025), "1 to 1024"),
    ("a path not UTF-8", request(path=b"\xff"), "not UTF-8"),
    ("time of 2 bytes", request(more=field(3, b"\0\1")), "2 bytes, expected 4"),
    ("metadata without a name", request(more=field(4, b"\0value")), "without a name"),
    ("metadata, empty", request(more=field(4, b"")), "without a name"),
    ("metadata, half a name", request(more=field(4, b"\5ab")), "without a name"),
    ("metadata, capital", request(more=field(4, b"\1Ab")), "without a name"),
    ("metadata, two lines", request(more=field(4, b"\1ab\nc: d")), "not printable ASCII"),
    ("metadata, latin-1", request(more=field(4, b"\1a\xe9")), "not printable ASCII"),
    ("compressed, nobody knows how", request(flags=ENDED | COMPRESSED), "no encoding"),
    ("id 0", request(0), "ids are odd and grow"),
    ("an even id", request(2), "ids are odd and grow"),
    ("an id again", request(3) + request(3), "call id 3 after 3"),
    ("a smaller id", request(3) + request(1), "call id 1 after 3"),
    ("a number for two paths", request(1) + frame(REQUEST, field(1, b"\0\1other"), b"", 3), "two"),
    ("one-way stream", request(1, flags=ONE_WAY | NO_MESSAGE), "one-way"),
    ("MESSAGE, never opened", frame(MESSAGE, call_id=1), "never opened"),
    ("END, never opened", frame(END, call_id=1), "never opened"),
    ("CANCEL, never opened", frame(CANCEL, call_id=9), "never opened"),
    ("CREDIT, never opened", frame(CREDIT, b"", b"\0\0\0\1", 1), "never opened"),
    ("MESSAGE of the connection", OPEN + frame(MESSAGE), "call 0"),
    ("MESSAGE after a whole request", request(1) + frame(MESSAGE, call_id=1), "after the end"),
    ("END after a whole request", request(1) + frame(END, call_id=1), "after the end"),
    ("MESSAGE after END", OPEN + frame(END, call_id=1) + frame(MESSAGE, call_id=1), "after the"),
    ("two ENDs", OPEN + frame(END, call_id=1) * 2, "second END"),
    ("packed MESSAGE, no encoding", OPEN + frame(MESSAGE, call_id=1, flags=COMPRESSED), "no enc"),
    ("CREDIT of 3 bytes", OPEN + frame(CREDIT, b"", b"\0\0\1", 1), "3 bytes, expected 4"),
    ("CREDIT of 0", OPEN + frame(CREDIT, b"", bytes(4), 1), "credit of 0"),
    ("CREDIT too much", OPEN + frame(CREDIT, b"", b"\x80\0\0\0", 1), "credit of 2147483648"),
    ("CREDIT, sum too much", OPEN + frame(CREDIT, b"", b"\x7f\xff\xff\xff", 1), "on top of 65536"),
    ("PING of 65 bytes", frame(PING, b"", bytes(65)), "65 bytes, at most 64"),
    ("PING beyond all", frame(PING, b"", bytes(2048)), "kind 8: 2048 bytes"),
]


def small_server():
    """
    Return a server that takes bodies of 1000 bytes and headers of 2048.
    """
    return server(max_receive_bytes=1000, max_header_bytes=2048)


def strangers():
    """
    Return both sides before anybody has greeted them.
    """
    machines = ServerMachine(Limits(), (), ""), ClientMachine(Limits(), (), "")
    for machine in machines:
        machine.start()
        machine.take_output()
    return machines


@pytest.mark.parametrize(
    ("data", "reason"), [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN]
)
def test_what_breaks_the_connection(data, reason):
    """
    The peer is told why with FAILED, the driver once; then nothing is heard or said.
    """
    machine = small_server()
    event = machine.receive(data)[-1]

    assert isinstance(event, ConnectionFailed)
    assert reason in event.reason
    assert not event.by_peer
    assert (FAILED, 0, field(7, event.reason.encode()), b"") == frames(machine.take_output())[-1]
    assert [] == machine.receive(request(99) + frame(PING))
    assert b"" == machine.take_output()


@pytest.mark.parametrize("kind", [*range(2, 11), 0x42, 0x80, 0xFF])
def test_the_first_frame_is_hello(kind):
    """
    Whatever comes before HELLO breaks the connection, on either side.
    """
    for machine in strangers():
        assert fault(machine.receive(frame(kind, call_id=1)))


@pytest.mark.parametrize("kind", [REQUEST, CREDIT + 100])
def test_a_client_is_not_called(kind):
    """
    A REQUEST to a client, long or short, breaks the connection.
    """
    assert "kind" in fault(client().receive(frame(kind, call_id=1)))
    assert "kind" in fault(client(max_receive_bytes=9).receive(frame(kind, b"", bytes(10), 1)))


def test_a_response_too_long_for_a_server():
    """
    A RESPONSE to a server breaks the connection, whatever its length.
    """
    assert "kind 3" in fault(small_server().receive(frame(RESPONSE, b"", bytes(1001), 1)))


def test_a_method_too_many():
    """
    Numbers for 4096 methods are taken, for one more the connection is broken off.
    """
    machine = server(max_calls=5000)
    for number in range(4096):
        path = pack(">H", number + 1) + b"demo.Greeter/m%d" % number
        machine.receive(frame(REQUEST, field(1, path), b"", 2 * number + 1, flags=ENDED))
    again = frame(REQUEST, field(2, pack(">H", 4096)), b"", 9001, flags=ENDED)

    assert "demo.Greeter/m4095" == machine.receive(again)[0].head.path
    assert "4096 method numbers" in fault(machine.receive(request(9003, path=b"one/more")))


# Lengths that can be trusted: one call fails, the connection goes on.


def test_a_request_too_long():
    """
    Its caller is told which limit it is over, and that nothing ran; the next is served.
    """
    machine = small_server()
    long = request(1, bytes(1001))

    assert [] == machine.receive(long)
    ((kind, call_id, header, _),) = frames(machine.take_output())
    assert (END, 1) == (kind, call_id)
    assert field(6, bytes((Status.RESOURCE_EXHAUSTED,))) in header
    assert b"1001 bytes were sent, over the receiver's max_receive_bytes of 1000 bytes" in header
    assert field(8, bytes((Hint.NOT_BEGUN | Hint.FINAL,))) in header
    assert [3] == [event.call_id for event in machine.receive(request(3))]


def test_a_header_too_long():
    """
    A header over the limit is named as such, and costs its call alone.
    """
    machine = small_server()
    long = request(1, more=field(99, bytes(2100)))

    assert [] == machine.receive(long)
    assert b"over the receiver's max_header_bytes of 2048" in machine.take_output()
    assert [3] == [event.call_id for event in machine.receive(request(3))]


def test_a_one_way_request_too_long():
    """
    No frame of any kind answers it.
    """
    machine = small_server()

    assert [] == machine.receive(request(1, bytes(1001), flags=ONE_WAY | ENDED))
    assert b"" == machine.take_output()


def test_a_message_too_long_for_a_server():
    """
    The stream ends here, and its caller is told which limit it is over.
    """
    machine = small_server()
    machine.receive(OPEN)
    (event,) = machine.receive(frame(MESSAGE, b"", bytes(1001), 1))

    assert isinstance(event, CallCancelled)
    assert "max_receive_bytes of 1000" in event.reason
    ((kind, call_id, header, _),) = frames(machine.take_output())
    assert (END, 1) == (kind, call_id)
    assert field(6, bytes((Status.RESOURCE_EXHAUSTED,))) in header
    assert [] == machine.receive(frame(MESSAGE, b"", bytes(1001), 1))
    assert b"" == machine.take_output()


@pytest.mark.parametrize("kind", [RESPONSE, MESSAGE, END])
def test_an_answer_too_long_for_a_client(kind):
    """
    The call fails here with RESOURCE_EXHAUSTED, and the server is told to stop.
    """
    machine = client(max_receive_bytes=1000)
    machine.call(head(), b"", "", ended=True)
    machine.take_output()
    (event,) = machine.receive(frame(kind, b"", bytes(1001), 1, flags=ENDED))

    assert isinstance(event, CallEnded)
    assert Status.RESOURCE_EXHAUSTED is event.status
    assert "1001 bytes were sent, over the receiver's max_receive_bytes of 1000" in event.message
    assert [(CANCEL, 1)] == [f[:2] for f in frames(machine.take_output())]
    assert [] == machine.receive(frame(kind, b"", bytes(1001), 1))


def test_what_is_too_long_is_never_kept():
    """
    Four gigabytes that nobody takes are counted, not kept; then the next frame is read.
    """
    machine = small_server()
    long = frame(0x90)[:8] + b"\xff\xff\xff\xff" + bytes(4)
    machine.receive(long)
    piece = bytes(64 << 20)
    for _ in range(63):
        assert [] == machine.receive(piece)
    assert [] == machine.receive(piece[:-1])

    assert [1] == [event.call_id for event in machine.receive(request(1))]


def test_one_call_too_many():
    """
    It is refused as not begun, and the calls before it go on.
    """
    far = server(max_calls=2)
    far.receive(request(1) + request(3, path=b"b/b"))
    far.take_output()

    assert [] == far.receive(request(5, path=b"c/c"))
    ((kind, call_id, header, _),) = frames(far.take_output())
    assert (END, 5) == (kind, call_id)
    assert field(6, bytes((Status.RESOURCE_EXHAUSTED,))) in header
    assert field(8, bytes((Hint.NOT_BEGUN,))) in header
    assert b"max_calls of 2" in header
    far.respond(1, b"")
    assert [7] == [event.call_id for event in far.receive(request(7, path=b"d/d"))]


def test_message_without_credit():
    """
    A message that the window has no room for breaks the connection.
    """
    machine = server(stream_window_bytes=20)
    machine.receive(OPEN)
    message = frame(MESSAGE, b"", b"abcd", 1)

    assert 1 == len(machine.receive(message))
    assert "without credit" in fault(machine.receive(message))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "which versions"),
        (field(32, b"\1"), "which versions"),
        (field(32, b"\2\3"), "the peer speaks 2 to 3, this side 1"),
        (field(32, b"\0\0"), "the peer speaks 0 to 0"),
        (field(32, b"\3\1"), "no common version"),
        (field(32, b"\1\1") + field(36, bytes(4)), "window of 0"),
        (field(32, b"\1\1") + field(36, b"\x80\0\0\0"), "window of 2147483648"),
        (field(32, b"\1\1") + field(36, b"\1"), "1 bytes, expected 4"),
        (field(32, b"\1\1") + field(35, b"\0\0\3\xff"), "headers of 1023 bytes"),
        (b"\x20\x00\x02\x01", "2 bytes, 1 are there"),
    ],
)
def test_a_hello_that_is_none(header, reason):
    """
    A HELLO without sense or without a common version breaks the connection on both sides.
    """
    for machine in strangers():
        assert reason in fault(machine.receive(frame(HELLO, header)))
        assert [FAILED] == [f[0] for f in frames(machine.take_output())]


def test_a_client_is_told_why():
    """
    A server that broke the connection off before its own HELLO has said why.
    """
    machine = strangers()[1]
    events = machine.receive(frame(FAILED, field(7, b"no common version")))

    assert "no common version" == fault(events)
    assert events[0].by_peer


def test_a_client_is_told_that_there_is_no_reason():
    """
    A server that broke the connection off without a reason is named as the one that did.
    """
    events = strangers()[1].receive(frame(FAILED))

    assert "it gave no reason" == fault(events)


def test_an_answer_of_another_protocol():
    """
    A first answer that is no frame may be of another protocol; a later one is a fault.
    """
    text = b"HTTP/1.1 400 Bad Request"

    assert "may not speak the native protocol" in fault(strangers()[1].receive(text))
    assert "may not speak" not in fault(client().receive(text))


def test_a_peers_words_are_fit_for_a_log():
    """
    Control characters in a reason are shown as question marks, and it is short.
    """
    words = b"a\r\n\x1b[31mb" + b"c" * 2000

    for kind in (FAILED, GOAWAY, CANCEL):
        machine = server()
        machine.receive(OPEN)
        (event,) = machine.receive(frame(kind, field(7, words), call_id=1 if kind == CANCEL else 0))
        assert event.reason.startswith("a???[31mbccc")
        assert 1000 == len(event.reason)


@pytest.mark.parametrize(
    "header",
    [
        field(6, b"\0\0"),
        field(8, b""),
        field(9, b"\1"),
        field(9, b"\x7f" * 900),
        field(10, b"\1"),
    ],
)
def test_an_end_whose_fields_do_not_add_up(header):
    """
    Fields of another width than theirs break the connection.
    """
    machine = client()
    machine.call(head(), b"", "", ended=True)

    assert fault(machine.receive(frame(END, header, b"", 1)))


def test_unknown_bits_of_a_hint():
    """
    Hints that nobody knows are dropped, and so is one that never crosses a wire.
    """
    machine = client()
    machine.call(head(), b"", "", ended=True)
    (event,) = machine.receive(frame(END, field(6, b"\x63") + field(8, b"\xff"), b"", 1))

    assert Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT | Hint.FINAL == event.hints
    assert Status.UNKNOWN is event.status
    assert event.retry_after_s is None


def test_negative_means_never():
    """
    A wish never to be called again stays one over the wire, however small it is written.
    """
    for wish in (-1.0, -0.0001):
        far = server()
        far.receive(request(1))
        far.finish(1, Status.UNAVAILABLE, retry_after_s=wish)
        near = client()
        near.call(head(), b"", "", ended=True)

        assert near.receive(far.take_output())[0].retry_after_s < 0


def test_an_endless_delay():
    """
    A delay beyond what the field holds becomes the longest that it holds.
    """
    far = server()
    far.receive(request(1))
    far.finish(1, Status.UNAVAILABLE, retry_after_s=float("inf"))

    assert field(9, b"\x7f\xff\xff\xff") in far.take_output()


def test_nothing_follows_a_failure():
    """
    What stands behind FAILED in the same bytes is not read.
    """
    machine = server()
    events = machine.receive(request(1) + frame(FAILED) + request(3) + frame(0))

    assert [RequestReceived, ConnectionFailed] == [type(event) for event in events]
    machine.respond(1, b"too late")
    machine.ping()
    machine.drain("too late")
    machine.fail("too late")
    assert b"" == machine.take_output()
