"""
What concerns no single call: events, garbage between frames, and peers that are hostile.
"""

from __future__ import annotations

from math import inf

import pytest

from rpcfw.errors import MessageTooLarge, Overloaded
from rpcfw.spi.events import (
    CallEnded,
    ConnectionFailed,
    GoAwayReceived,
    HandshakeCompleted,
    PingAnswered,
    RequestHead,
    RequestReceived,
    ResponseReceived,
)
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_dubbo.fastjson_text import read_text
from rpcfw_dubbo.frames import EVENT, HESSIAN2, REQUEST, TWO_WAY
from rpcfw_hessian import dumps, loads
from tests.plugins.dubbo.pair import (
    HEARTBEAT,
    client,
    frame,
    frames_in,
    reply,
    request,
    server,
    unary,
)

SAY = unary("demo.Hello/say")
BODY = bytes.fromhex(
    "05322e302e320a64656d6f2e48656c6c6f05302e302e3003736179"
    "124c6a6176612f6c616e672f537472696e673b03626f62485a"
)
VALUE = bytes.fromhex("94036162634805647562626f05322e302e325a")


def kinds(events):
    return [type(event) for event in events]


def called(machine):
    """
    Call, and return the call's id and its id on the wire.
    """
    call_id = machine.call(RequestHead("demo.Hello/say", "dubbo"), b"\x00", "", ended=True)
    ((_, _, wire_id, _),) = frames_in(machine.take_output())
    return call_id, wire_id


# Events.


def test_a_heartbeat_is_answered_as_java_answers_it():
    """
    A heartbeat of any peer gets a null back, in the serialization that it came in.
    """
    machine = server(SAY)
    events = machine.receive(frame(HEARTBEAT, -5, b"N"))
    assert kinds(events) == [HandshakeCompleted]
    assert bytes.fromhex("dabb2214fffffffffffffffb000000014e") == machine.take_output()

    fastjson2 = REQUEST | TWO_WAY | EVENT | 23
    machine.receive(frame(fastjson2, 6, b"\xaf"))
    assert [(EVENT | 23, 20, 6, b"\xaf")] == frames_in(machine.take_output())


def test_the_first_bytes_of_a_consumer():
    """
    A consumer begins with a heartbeat of one byte; it may call when that is answered.
    """
    machine = client()
    machine.ping()
    ((flags, status, wire_id, body),) = frames_in(machine.take_output())
    assert (HEARTBEAT, 0, b"N") == (flags, status, body)

    assert kinds(machine.receive(frame(EVENT | HESSIAN2, wire_id, b"N", 20))) == [PingAnswered]


def test_readonly():
    """
    READONLY of a provider is a GOAWAY: calls that are open are answered, WRITEABLE is ignored.
    """
    machine = client()
    call_id, wire_id = called(machine)
    readonly, writeable = bytes.fromhex("dabba2000000000000000001"), b"\x00\x00\x00\x02"
    events = machine.receive(readonly + writeable + b"\x01R")
    assert kinds(events) == [GoAwayReceived]
    assert machine.receive(readonly + writeable + b"\x01W") == []

    (event,) = machine.receive(reply(wire_id, VALUE))
    assert isinstance(event, ResponseReceived)
    assert call_id == event.call_id


def test_a_provider_that_stops():
    """
    It sends READONLY once, and refuses what is called later.
    """
    machine = server(SAY)
    machine.receive(frame(HEARTBEAT, 1, b"N"))
    machine.take_output()
    machine.drain("an update")
    machine.drain("again")
    ((flags, _, _, body),) = frames_in(machine.take_output())
    assert (REQUEST | EVENT | HESSIAN2, b"\x01R") == (flags, body)

    machine.receive(request(7, BODY))
    ((_, status, wire_id, body),) = frames_in(machine.take_output())
    assert (80, 7) == (status, wire_id)
    assert "draining" in loads(body)


# Between frames.


@pytest.mark.parametrize("garbage", [b"\n", b"ls\r\n", b"\xda", b"\xda\xda", bytes(1000)])
@pytest.mark.parametrize("piece", [1, 3, 1 << 20])
def test_garbage_between_frames(garbage, piece):
    """
    Bytes between two frames are skipped up to the next frame, however they are split.
    """
    machine = server(SAY)
    data = request(1, BODY) + garbage + request(2, BODY)
    events = []
    for start in range(0, len(data), piece):
        events += machine.receive(data[start : start + piece])

    assert kinds(events) == [HandshakeCompleted, RequestReceived, RequestReceived]


def test_garbage_without_an_end():
    """
    More garbage than a head may have bytes fails the connection, with what was expected.
    """
    machine = server(SAY, max_header_bytes=2048)
    machine.receive(request(1, BODY))
    events = []
    for _ in range(5):
        events += machine.receive(b"x" * 500)

    (event,) = events
    assert isinstance(event, ConnectionFailed)
    assert "expected dabb" in event.reason
    assert machine.held_bytes == 0


def test_a_little_garbage_between_many_frames():
    """
    Only the bytes since the last frame count: a peer that sends some now and then is served.
    """
    machine = server(SAY, max_header_bytes=1024)
    for number in range(10):
        events = machine.receive(request(number, BODY) + b"x" * 900)
        assert RequestReceived in kinds(events)
        machine.respond(machine.newest_call, b"N")


def test_no_frame_hides_in_the_first_bytes():
    """
    A connection that does not begin with a frame is failed: no request in a form is served.
    """
    machine = server(SAY)
    events = machine.receive(b"POST / HTTP/1.1\r\n\r\n" + request(1, BODY))

    assert kinds(events) == [ConnectionFailed]


# Peers that break the rules.


def test_a_length_that_is_only_announced():
    """
    Nothing is kept of a frame over the limit. Its call ends, and the next one is served.
    """
    machine = server(SAY, max_receive_bytes=1000)
    machine.receive(request(1, BODY)[:12] + b"\x7f\xff\xff\xff" + bytes(500))
    assert machine.held_bytes == 0
    ((_, status, wire_id, body),) = frames_in(machine.take_output())
    assert (100, 1) == (status, wire_id)
    assert "max_receive_bytes of 1000" in loads(body)

    assert machine.receive(bytes(100)) == []
    assert machine.unfinished_frame > 0


def test_an_oversize_frame_is_skipped():
    """
    What comes after the bytes of a frame over the limit is served.
    """
    machine = server(SAY, max_receive_bytes=1000)
    events = machine.receive(request(1, bytes(1001)) + request(2, BODY))

    assert kinds(events) == [HandshakeCompleted, RequestReceived]


def test_a_negative_length():
    """
    A frame cannot end before it begins.
    """
    machine = server(SAY)
    (event,) = machine.receive(request(1, BODY)[:12] + b"\xff\xff\xff\xff")

    assert isinstance(event, ConnectionFailed)
    assert "-1 bytes" in event.reason


def test_endless_heartbeats():
    """
    Heartbeats and nothing else, in one batch, are a flood.
    """
    machine = server(SAY, max_pings=100)
    flood = b"".join(frame(HEARTBEAT, number, b"N") for number in range(200))
    event = machine.receive(flood)[-1]

    assert isinstance(event, ConnectionFailed)
    assert "max_pings" in event.reason


@pytest.mark.parametrize(
    "useless",
    [
        frame(REQUEST | EVENT | HESSIAN2, 1, b"\x01W"),
        frame(EVENT | HESSIAN2, 1, b"N", 20),
        reply(1, VALUE),
    ],
)
def test_endless_frames_that_do_nothing(useless):
    """
    Events that nobody needs, answers and replies to nothing: neither end accepts them for ever.
    """
    for machine in (server(SAY, max_pings=100), client(max_pings=100)):
        event = machine.receive(useless * 3000)[-1]
        assert isinstance(event, ConnectionFailed)
        assert "advance no call" in event.reason


def test_a_long_event():
    """
    Events are a few bytes long.
    """
    (_, event) = server(SAY).receive(frame(HEARTBEAT, 1, bytes(2000)))

    assert isinstance(event, ConnectionFailed)


def test_one_way_calls_are_limited():
    """
    One-way calls that have not ended count as open, and more of them are dropped.
    """
    machine = server(SAY, max_calls=3)
    one_way = REQUEST | HESSIAN2
    events = machine.receive(b"".join(request(number, BODY, one_way) for number in range(10)))
    assert kinds(events) == [HandshakeCompleted] + 3 * [RequestReceived]
    assert machine.open_calls == 3

    machine.finish(1, Status.OK)
    assert len(machine.receive(request(11, BODY, one_way))) == 1
    assert machine.take_output() == b""


def test_another_serialization():
    """
    A request in another serialization is refused, with the name of what is spoken here.
    """
    machine = server(SAY)
    machine.receive(request(3, b"\x92", REQUEST | TWO_WAY | 23))
    ((_, status, wire_id, body),) = frames_in(machine.take_output())

    assert (40, 3) == (status, wire_id)
    assert "23 (fastjson2)" in loads(body)


@pytest.mark.parametrize(
    ("reply_status", "expected", "hints", "text"),
    [
        (60, Status.UNIMPLEMENTED, Hint.NOT_BEGUN, "status 60 (SERVICE_NOT_FOUND)"),
        (100, Status.RESOURCE_EXHAUSTED, Hint.NOT_BEGUN, "status 100 (THREAD_POOL_EXHAUSTED)"),
        (70, Status.UNAVAILABLE, Hint.NONE, "status 70 (SERVICE_ERROR)"),
        (99, Status.UNKNOWN, Hint.NONE, "status 99 (unknown)"),
        (20, Status.INTERNAL, Hint.NONE, "prefer-serialization=hessian2"),
    ],
)
def test_a_reply_in_another_serialization(reply_status, expected, hints, text):
    """
    Of a reply that cannot be read, the status is told, and what to do about the rest.
    """
    machine = client()
    call_id, wire_id = called(machine)
    (event,) = machine.receive(frame(23, wire_id, b"\x00\x00\x00\x01\xaf", reply_status))

    assert (call_id, expected, hints) == (event.call_id, event.status, event.hints)
    assert text in event.message
    assert "23 (fastjson2)" in event.message


@pytest.mark.parametrize("trailers", [EMPTY, Metadata((("b", "y" * 90),) * 99)])
@pytest.mark.parametrize("size", range(60, 90))
def test_as_many_attachments_as_a_client_takes(size, trailers):
    """
    A server sends metadata and trailers up to the limit, and a client with the same limit takes it.
    """
    caller, machine = client(max_header_bytes=4096), server(SAY, max_header_bytes=4096)
    call_id, wire_id = called(caller)
    machine.receive(request(wire_id, BODY))
    metadata = Metadata((("a", "x" * size),) * 99)
    machine.respond(machine.newest_call, b"\x01x", "", metadata, trailers)
    (event,) = caller.receive(machine.take_output())

    assert (call_id, b"\x01x") == (event.call_id, event.body)
    assert len(event.metadata.pairs) > 30


def test_a_provider_without_the_method():
    """
    A refusal in fastjson2, as Dubbo 3.2 sends it: its text is told, and what to look at.
    """
    machine = client()
    call_id, wire_id = called(machine)
    text = b"Fail to decode request due to: RpcInvocation [methodName=add, parameterTypes=null]"
    (event,) = machine.receive(frame(23, wire_id, b"\x00\x00\x00Uy8R" + text, 40))

    assert (call_id, Status.INVALID_ARGUMENT) == (event.call_id, event.status)
    assert event.message.startswith(text.decode())
    assert "version, group and Java types" in event.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\x4bno", "no"),
        (b"\x78" + b"a" * 47, "a" * 47),
        (b"\x79\x2f" + b"a" * 47, "a" * 47),
        (b"\x79\x38\x30" + b"a" * 48, "a" * 48),
        (b"\x79\x44\x08\x00" + b"a" * 2048, "a" * 2048),
        (b"\x79\x48\x00\x04\x00\x00" + b"a" * 262_144, "a" * 4090),
        (b"\x7a\x03B\xc3\xb6", "B\u00f6"),
        (b"\x7c\x04B\x00\xf6\x00", "B\u00f6"),
        (b"\x7d\x04\x00B\x00\xf6", "B\u00f6"),
        (b"\x79\x48\xff\xff\xff\xffshort", "short"),
        (b"\x79\x30\x00", ""),
        (b"\x79", ""),
        (b"\xa6\x4bno", ""),
        (b"", ""),
    ],
)
def test_texts_of_fastjson2(body, expected):
    """
    Strings of each length and charset are read, the start of a long one; garbage is no text.
    """
    assert expected == read_text(b"\x00\x00\x00\x00" + body)


def test_replies_that_make_no_sense():
    """
    A reply that cannot be read ends its call as INTERNAL, and the next call is answered.
    """
    machine = client()
    for body in (b"", b"\x96", b"\x94", b"\x94\x91\x92", b"\x93N\x91", b"N", b"\x94Z"):
        _, wire_id = called(machine)
        (event,) = machine.receive(reply(wire_id, body))
        assert isinstance(event, CallEnded)
        assert Status.INTERNAL is event.status
    _, wire_id = called(machine)

    assert kinds(machine.receive(reply(wire_id, VALUE))) == [ResponseReceived]


def test_a_call_of_the_provider():
    """
    A provider that calls back is told that nothing is served here.
    """
    machine = client()
    machine.receive(request(9, BODY))
    ((_, status, wire_id, body),) = frames_in(machine.take_output())

    assert (60, 9) == (status, wire_id)
    assert "callbacks" in loads(body)


def test_a_late_reply():
    """
    The reply to a call that was cancelled is dropped.
    """
    machine = client()
    call_id, wire_id = called(machine)
    machine.cancel(call_id)
    assert machine.open_calls == 0

    assert machine.receive(reply(wire_id, VALUE)) == []


def test_many_late_replies():
    """
    A provider that was paused answers what was cancelled meanwhile: the connection stays.

    Replies to calls that were not made, or that come twice, are suspicious as before.
    """
    machine = client(max_calls=1, max_pings=1)
    late = b""
    for _ in range(100):
        call_id, wire_id = called(machine)
        machine.cancel(call_id)
        late += reply(wire_id, VALUE)

    assert machine.receive(late) == []
    _, wire_id = called(machine)
    assert kinds(machine.receive(reply(wire_id, VALUE))) == [ResponseReceived]
    assert kinds(machine.receive(late)) == [ConnectionFailed]


def test_a_reply_with_another_id():
    """
    Only the whole id names a call; the call that has a part of it is still answered.
    """
    machine = client()
    call_id, wire_id = called(machine)
    assert machine.receive(reply(call_id, VALUE)) == []

    assert kinds(machine.receive(reply(wire_id, VALUE))) == [ResponseReceived]


def test_ids_that_are_used_up():
    """
    Before a connection has no further ids, another one is asked for; then calls are refused.
    """
    machine = client()
    machine._last_id = 2**32 - 2**24  # noqa: SLF001 - nobody makes so many calls
    call_id, wire_id = called(machine)
    events = machine.receive(reply(wire_id, VALUE))
    assert kinds(events) == [ResponseReceived, GoAwayReceived]
    assert call_id == 2**32 - 2**24 + 1

    machine._last_id = 2**32 - 1  # noqa: SLF001
    with pytest.raises(Overloaded, match="used up") as raised:
        called(machine)
    assert raised.value.hints & Hint.NEVER_SENT


def test_metadata_with_a_name_of_dubbo():
    """
    It is not sent: it would call another service, or change the deadline or the caller's name.
    """
    names = ("path", "interface", "timeout", "generic", "dubbo", "remote.application", "token")
    machine = client(application="shop")
    metadata = Metadata(tuple((name, "1") for name in names))
    head = RequestHead("demo.Hello/say", "dubbo", timeout_s=2.0, metadata=metadata)
    machine.call(head, b"\x00", "", ended=True)
    ((_, _, _, body),) = frames_in(machine.take_output())

    assert body.endswith(
        dumps(
            {
                "path": "demo.Hello",
                "interface": "demo.Hello",
                "remote.application": "shop",
                "timeout": "2000",
                "token": "1",
            }
        )
    )
    assert 2 == body.count(b"\x04path") + body.count(b"\x07timeout")


@pytest.mark.parametrize("is_plain", [True, False])
def test_the_timeout_of_each_call(is_plain):
    """
    It is rounded up and fits an int of Java, however many others there were.

    Without one, or with an endless one, nothing is sent.
    """
    metadata = EMPTY if is_plain else Metadata((("trace", "t"),))
    machine = client(max_calls=5000)
    expected = {None: None, inf: None, -1.0: "1", 0.0: "1", 0.0001: "1", 1e12: "2147483647"}
    expected |= {number / 1000 + 0.0005: str(number + 1) for number in range(1500)}
    for timeout_s, sent in [*expected.items(), *expected.items()]:
        head = RequestHead("demo.Hello/say", "dubbo", timeout_s, metadata)
        machine.call(head, b"\x00", "", ended=True)
        ((_, _, _, body),) = frames_in(machine.take_output())

        timeout = {} if sent is None else {"timeout": sent}
        attachments = {"path": "demo.Hello", "interface": "demo.Hello", **timeout}
        assert body.endswith(b"\x00" + dumps(attachments | dict(metadata.pairs)))


@pytest.mark.parametrize("pairs", [(), (("token", "x" * 100),)])
def test_a_head_over_the_limit(pairs):
    """
    It is refused each time, and the call may go elsewhere.
    """
    machine = client(max_header_bytes=64)
    head = RequestHead("demo.Hello/say", "dubbo", 1.0, Metadata(pairs))
    for _ in range(2):
        with pytest.raises(MessageTooLarge, match="over max_header_bytes of 64 bytes") as raised:
            machine.call(head, b"\x00", "", ended=True)
        assert raised.value.hints & Hint.NEVER_SENT
    assert machine.open_calls == 0


def test_old_consumers_get_no_attachments():
    """
    A consumer of a version before 2.0.2 of the protocol gets the flags that it knows.
    """
    for version, flags in (
        (b"\x052.0.2", b"\x94\x95\x93"),
        (b"\x062.0.10", b"\x94\x95\x93"),
        (b"\x052.5.3", b"\x91\x92\x90"),
        (b"\x052.0.1", b"\x91\x92\x90"),
    ):
        machine = server(SAY)
        for number in range(3):
            machine.receive(request(number, version + BODY[6:]))
        machine.respond(1, b"\x01x")
        machine.respond(2, b"N")
        machine.finish(3, Status.NOT_FOUND, "no such order")
        bodies = [body for _, _, _, body in frames_in(machine.take_output())]
        assert flags == bytes(body[0] for body in bodies)
        if flags[0] == 0x91:
            assert [b"\x91\x01x", b"\x92"] == bodies[:2]


# Statuses, for consumers in Java.


@pytest.mark.parametrize(
    ("status", "hints", "expected"),
    [
        (Status.UNIMPLEMENTED, Hint.NOT_BEGUN, 60),
        (Status.INVALID_ARGUMENT, Hint.NOT_BEGUN, 40),
        (Status.RESOURCE_EXHAUSTED, Hint.NOT_BEGUN, 100),
        (Status.UNAVAILABLE, Hint.NOT_BEGUN, 80),
        (Status.PERMISSION_DENIED, Hint.NOT_BEGUN, 70),
        (Status.DEADLINE_EXCEEDED, Hint.NONE, 31),
    ],
)
def test_refusals(status, hints, expected):
    """
    What has not begun gets a status that lets a consumer try another provider.
    """
    machine = server(SAY)
    machine.receive(request(4, BODY))
    machine.finish(1, status, "the reason", hints=hints)
    ((_, sent, _, body),) = frames_in(machine.take_output())

    assert (expected, "the reason") == (sent, loads(body))


@pytest.mark.parametrize(
    ("status", "java_class", "message", "code"),
    [
        (Status.NOT_FOUND, "java.lang.RuntimeException", "NOT_FOUND: why", None),
        (Status.UNAVAILABLE, "java.lang.RuntimeException", "UNAVAILABLE: why", None),
        (Status.INVALID_ARGUMENT, "java.lang.IllegalArgumentException", "why", None),
        (Status.PERMISSION_DENIED, "org.apache.dubbo.rpc.RpcException", "why", 4),
        (Status.UNAUTHENTICATED, "org.apache.dubbo.rpc.RpcException", "why", 13),
    ],
)
def test_failures(status, java_class, message, code):
    """
    What has begun and failed is an exception of the JDK, or of Dubbo: no consumer repeats it.
    """
    machine = server(SAY)
    machine.receive(request(4, BODY))
    machine.finish(1, status, "why")
    ((_, sent, _, body),) = frames_in(machine.take_output())
    thrown = loads(body[1 : body.index(b"\x48\x05dubbo")])

    assert (20, 0x93) == (sent, body[0])
    assert (java_class, message) == (thrown.java_class, thrown.message)
    assert code == thrown.fields.get("code")


def test_replies_of_java():
    """
    Each status of a provider in Java has one of ours, and hints only where it promises something.
    """
    machine = client()
    for status, expected, hints in (
        (25, Status.INTERNAL, Hint.NONE),
        (31, Status.DEADLINE_EXCEEDED, Hint.NONE),
        (40, Status.INVALID_ARGUMENT, Hint.NOT_BEGUN),
        (60, Status.UNIMPLEMENTED, Hint.NOT_BEGUN),
        (70, Status.UNAVAILABLE, Hint.NONE),
        (80, Status.UNAVAILABLE, Hint.NONE),
        (100, Status.RESOURCE_EXHAUSTED, Hint.NOT_BEGUN),
        (99, Status.UNKNOWN, Hint.NONE),
    ):
        _, wire_id = called(machine)
        (event,) = machine.receive(reply(wire_id, b"\x08why\n\tat ", status))
        assert isinstance(event, CallEnded)
        assert (expected, hints) == (event.status, event.hints)
        assert event.message == "why"
