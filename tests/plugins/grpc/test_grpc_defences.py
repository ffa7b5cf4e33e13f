"""
What a server does with peers that break the rules, or only strain them.
"""

from __future__ import annotations

import pytest
from hpack import Encoder

from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    PingReceived,
    RequestReceived,
    ResponseReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.status import Status
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.message_framing import MessageReader
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc.pair import (
    HEAD,
    HELLO,
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


def goaway_code(output: bytes) -> int:
    """
    Return the code of the GOAWAY that the output must end with.
    """
    kind, _, _, payload = cut(output)[-1]
    assert frames.GOAWAY == kind
    return frames.parse_goaway(payload)[1]


CONNECTION_FAULTS = {
    "data on no stream": (chunk(0, b"x"), ErrorCode.PROTOCOL_ERROR),
    "data on an idle stream": (chunk(1, b"x"), ErrorCode.PROTOCOL_ERROR),
    "reset of an idle stream": (frames.reset(1, 8), ErrorCode.PROTOCOL_ERROR),
    "credit for an idle stream": (frames.window_update(1, 1), ErrorCode.PROTOCOL_ERROR),
    "a stream of the server's": (head(2), ErrorCode.PROTOCOL_ERROR),
    "a lone continuation": (frames.pack(9, 4, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "a push": (frames.pack(5, 4, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "settings on a stream": (frames.pack(4, 0, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "half a setting": (frames.pack(4, 0, 0, b"abc"), ErrorCode.FRAME_SIZE_ERROR),
    "an acknowledgement with settings": (
        frames.pack(4, 1, 0, bytes(6)),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "a window of 2^31": (frames.settings({4: 1 << 31}), ErrorCode.FLOW_CONTROL_ERROR),
    "tiny frames": (frames.settings({5: 16_383}), ErrorCode.PROTOCOL_ERROR),
    "push that is neither on nor off": (frames.settings({2: 2}), ErrorCode.PROTOCOL_ERROR),
    "a short ping": (frames.pack(6, 0, 0, b"1234567"), ErrorCode.FRAME_SIZE_ERROR),
    "credit of nothing": (frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
    "credit over 2^31": (frames.window_update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
    "a frame over the limit": (frames.pack(0, 0, 1, bytes(16_385)), ErrorCode.FRAME_SIZE_ERROR),
    "a block that is none": (frames.pack(1, 4, 1, b"\x80"), ErrorCode.COMPRESSION_ERROR),
    "a block cut off": (frames.pack(1, 4, 1, b"\x40\x05abc"), ErrorCode.COMPRESSION_ERROR),
    "a table too large": (frames.pack(1, 4, 1, b"\x3f\xe2\x1f"), ErrorCode.COMPRESSION_ERROR),
    "padding over the frame": (frames.pack(1, 12, 1, b"\x09abc"), ErrorCode.PROTOCOL_ERROR),
    "a frame within a block": (
        frames.pack(1, 0, 1, b"") + frames.ping(bytes(8)),
        ErrorCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize("name", CONNECTION_FAULTS)
def test_a_broken_rule_costs_the_connection(name: str) -> None:
    """
    It is answered with the right code, reported once, and nothing is read after it.
    """
    broken, code = CONNECTION_FAULTS[name]
    machine = server()
    events = machine.receive(broken + frames.ping(bytes(8)))
    assert not only(ConnectionFailed, events).by_peer
    assert code == goaway_code(machine.take_output())
    assert [] == machine.receive(head(1))
    assert b"" == machine.take_output()


STREAM_FAULTS = {
    "no path": (head(1, [f for f in REQUEST if f[0] != b":path"]), ErrorCode.PROTOCOL_ERROR),
    "capital letters": (head(1, [*REQUEST, (b"X-A", b"")]), ErrorCode.PROTOCOL_ERROR),
    "a header of HTTP/1": (head(1, [*REQUEST, (b"connection", b"x")]), ErrorCode.PROTOCOL_ERROR),
    "te for others": (head(1, [*REQUEST, (b"te", b"gzip")]), ErrorCode.PROTOCOL_ERROR),
    "a line break": (head(1, [*REQUEST, (b"x", b"a\r\nb")]), ErrorCode.PROTOCOL_ERROR),
    "a path twice": (head(1, [REQUEST[2], *REQUEST]), ErrorCode.PROTOCOL_ERROR),
    "a late pseudo-field": (head(1, [*REQUEST, (b":path", b"/")]), ErrorCode.PROTOCOL_ERROR),
    "an unknown pseudo-field": (head(1, [(b":x", b"y"), *REQUEST]), ErrorCode.PROTOCOL_ERROR),
    "credit of nothing": (head(1) + frames.window_update(1, 0), ErrorCode.PROTOCOL_ERROR),
    "credit over 2^31": (
        head(1) + frames.window_update(1, 2**31 - 1),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "trailers that are not the end": (head(1) + head(1, [(b"x", b"y")]), ErrorCode.PROTOCOL_ERROR),
    "a head behind a head": (head(1) + head(1, end=True), ErrorCode.PROTOCOL_ERROR),
    "data after the end": (head(1, end=True) + chunk(1, b"x"), ErrorCode.STREAM_CLOSED),
    "more than content-length": (
        head(1, [*REQUEST, (b"content-length", b"6")]) + chunk(1, message(b"xx"), end=True),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "less than content-length": (
        head(1, [*REQUEST, (b"content-length", b"9")]) + chunk(1, message(b"x"), end=True),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "dependence on itself": (
        frames.pack(1, 0x24, 1, b"\0\0\0\1\0" + head(1)[9:]),
        ErrorCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_a_fault_on_a_stream_costs_that_stream(name: str) -> None:
    """
    It is reset with the right code, its call is cancelled, and the next is served.
    """
    broken, code = STREAM_FAULTS[name]
    machine = server()
    events = machine.receive(broken + head(3) + chunk(3, message(b"next"), end=True))
    resets = of(frames.RST_STREAM, machine.take_output())
    assert [(1, int(code))] == [(r[2], frames.parse_reset(r[3])) for r in resets]
    begun = [e.call_id for e in events if type(e) is RequestReceived]
    ended = [e.call_id for e in events if type(e) is CallCancelled]
    assert begun == [*ended, 3]
    assert 1 == machine.open_calls


def test_the_first_frame_is_settings() -> None:
    """
    Whoever begins otherwise is not heard any further.
    """
    machine = ServerMachine(Limits(), ())
    machine.start()
    only(ConnectionFailed, machine.receive(frames.PREFACE + frames.ping(bytes(8))))
    assert ErrorCode.PROTOCOL_ERROR == goaway_code(machine.take_output())


def flood(machine_frames: bytes, limits: Limits | None = None) -> int:
    machine = server(limits)
    only(ConnectionFailed, machine.receive(machine_frames))
    return goaway_code(machine.take_output())


@pytest.mark.parametrize(
    "kind",
    [
        frames.ping(bytes(8)),
        frames.settings({}),
        frames.settings_ack(),
    ],
)
def test_control_frames_with_nothing_else_are_a_flood(kind: bytes) -> None:
    """
    As many as max_pings are borne, the first ping beside; more end the connection.
    """
    limits = Limits(max_pings=10)
    machine = server(limits)
    # The greeting was one of them.
    assert {PingReceived} >= {type(event) for event in machine.receive(kind * 9)}
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(kind * 12, limits)


def test_pings_beside_calls_are_no_flood() -> None:
    """
    What moves a call forgives the pings before it.
    """
    machine = server(Limits(max_pings=10))
    for number in range(1, 400, 2):
        begun = head(number) + chunk(number, message(b""), end=True)
        request = only(RequestReceived, machine.receive(frames.ping(bytes(8)) * 5 + begun))
        machine.respond(request.call_id, b"")
        machine.take_output()


def test_empty_frames_are_a_flood() -> None:
    """
    DATA without a byte and without an end serves nobody.
    """
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(head(1) + chunk(1, b"") * 101)


@pytest.mark.parametrize(
    "kind",
    [frames.pack(2, 0, 9, b"\0\0\0\0\0"), frames.pack(77, 0, 0, b""), frames.window_update(0, 1)],
)
def test_frames_that_move_nothing_are_a_flood(kind: bytes) -> None:
    """
    Priorities, unknown frames and crumbs of credit are borne, but not for ever.
    """
    machine = server()
    assert [] == machine.receive(kind * 500)
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(kind * 1001)


def test_continuations_are_bounded() -> None:
    """
    A block that goes on and on ends the connection, however small its pieces.
    """
    begin = frames.pack(frames.HEADERS, 0, 1, b"")
    more = frames.pack(frames.CONTINUATION, 0, 1, b"")
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(begin + more * 40)
    large = frames.pack(frames.CONTINUATION, 0, 1, bytes(16_000))
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(begin + large * 17)


def test_calls_cancelled_as_they_begin_are_an_attack() -> None:
    """
    Rapid reset: as many as max_resets are borne.
    """
    machine = server(Limits(max_resets=20))
    pairs = [head(n) + frames.reset(n, 8) for n in range(1, 43, 2)]
    events = machine.receive(b"".join(pairs[:20]))
    assert [] == [e for e in events if type(e) is ConnectionFailed]
    only(ConnectionFailed, machine.receive(pairs[20]))
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(machine.take_output())


def test_calls_cancelled_in_a_pause_are_none() -> None:
    """
    What a peer did in the time that this process lost is no attack; more of it is.
    """
    pauses = Pauses()
    machine = server(Limits(max_resets=20, pauses=pauses))
    pairs = [head(n) + frames.reset(n, 8) for n in range(1, 1001, 2)]
    pauses.add(1.5)
    events = machine.receive(b"".join(pairs[:300]))
    assert 600 == len([e for e in events if type(e) in (RequestReceived, CallCancelled)])
    assert [] == of(frames.GOAWAY, machine.take_output())
    machine.receive(b"".join(pairs[300:]))
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(machine.take_output())


def test_pings_of_a_pause_are_no_flood() -> None:
    """
    A peer that asked while this process was away is answered each time.
    """
    pauses = Pauses()
    machine = server(Limits(max_pings=10, pauses=pauses))
    pauses.add(1.0)
    machine.receive(frames.ping(b"12345678") * 100)
    answered = machine.take_output()
    assert 100 == len(of(frames.PING, answered))
    assert [] == of(frames.GOAWAY, answered)


def test_streams_broken_on_purpose_count_as_cancelled() -> None:
    """
    Making the server reset its own streams is the same attack.
    """
    pairs = b"".join(head(n) + frames.window_update(n, 0) for n in range(1, 403, 2))
    assert ErrorCode.ENHANCE_YOUR_CALM == flood(pairs)


def test_calls_that_end_forgive_some_that_were_cancelled() -> None:
    """
    A busy client that cancels now and then is no attacker.
    """
    machine = server(Limits(max_resets=20))
    for number in range(1, 4000, 2):
        # One in ten is cancelled.
        if number % 20 == 1:
            machine.receive(head(number) + frames.reset(number, 8))
            continue
        for event in machine.receive(head(number) + chunk(number, message(b""), end=True)):
            machine.respond(event.call_id, b"")
        machine.take_output()
    only(RequestReceived, machine.receive(head(4001, end=True)))


def test_subscriptions_are_no_attack() -> None:
    """
    A stream that was answered in part may be cancelled, however many are.
    """
    machine = server(Limits(max_calls=10, max_resets=10))
    for number in range(1, 401, 2):
        machine.receive(head(number) + chunk(number, message(b"watch"), end=True))
        machine.start_response(number, EMPTY)
        machine.send(number, b"first")
        only(CallCancelled, machine.receive(frames.reset(number, 8)))
    assert [] == of(frames.GOAWAY, machine.take_output())
    assert 0 == machine.open_calls


def test_callers_may_all_lose_patience_at_once() -> None:
    """
    Calls that were open for a while may be cancelled together.
    """
    machine = server()
    machine.receive(b"".join(head(n) for n in range(1, 2001, 2)))
    events = machine.receive(b"".join(frames.reset(n, 8) for n in range(1, 2001, 2)))
    assert 1000 == len([e for e in events if type(e) is CallCancelled])
    only(RequestReceived, machine.receive(head(4001, end=True)))


def test_calls_over_the_limit_are_refused() -> None:
    """
    REFUSED_STREAM promises that they were not begun.
    """
    machine = server(Limits(max_calls=2))
    events = machine.receive(b"".join(head(n) for n in (1, 3, 5)))
    assert [1, 3] == [e.call_id for e in events]
    [(_, _, stream_id, code)] = of(frames.RST_STREAM, machine.take_output())
    assert (5, ErrorCode.REFUSED_STREAM) == (stream_id, frames.parse_reset(code))


def test_more_than_the_window_ends_the_call() -> None:
    """
    A sender that ignores the window of its stream loses the call.
    """
    machine = server(Limits(stream_window_bytes=100))
    machine.receive(head(1) + chunk(1, bytes(101)))
    [(_, _, _, code)] = of(frames.RST_STREAM, machine.take_output())
    assert ErrorCode.FLOW_CONTROL_ERROR == frames.parse_reset(code)


def test_heads_over_the_limit_cost_the_call() -> None:
    """
    The refusal names the option; the connection goes on.
    """
    machine = server(Limits(max_header_bytes=2000))
    machine.receive(head(1, [*REQUEST, (b"x", b"y" * 3000)]))
    out = machine.take_output()
    assert b"max_header_bytes = 2000" in out
    only(RequestReceived, machine.receive(head(3)))


def test_small_blocks_cannot_unfold_to_large_heads() -> None:
    """
    A table's field named again and again ends the connection before it takes memory.
    """
    encoder = Encoder()
    large = (b"x", b"y" * 3000)
    machine = server(Limits(max_header_bytes=4000))
    block = encoder.encode([*REQUEST, large]) + encoder.encode([large]) * 2000
    machine.receive(frames.headers(1, block, frames.END_STREAM, 16_384))
    assert ErrorCode.ENHANCE_YOUR_CALM == goaway_code(machine.take_output())


def test_a_byte_at_a_time_takes_no_more_memory_than_the_message() -> None:
    """
    A large message in tiny frames is kept in few pieces.
    """
    reader = MessageReader(100_000)
    reader.feed(message(bytes(100_000))[:5])
    for _ in range(50_000):
        reader.feed(b"x")
    assert 3 > len(reader._chunks)  # noqa: SLF001 - that is what it is about


def test_unfinished_messages_are_bounded_together() -> None:
    """
    Many large messages that never end do not fill the memory.
    """
    machine = server(Limits(max_receive_bytes=8 << 20, stream_window_bytes=8 << 20))
    begun = message(bytes(8 << 20))[:16_384]
    refused = False
    for number in range(1, 200, 2):
        machine.receive(head(number) + chunk(number, begun))
        for _ in range(511):
            machine.receive(chunk(number, bytes(16_384)))
        refused = refused or b"unfinished" in machine.take_output()
        assert (129 + 8) << 20 > machine.held_bytes
        if refused:
            return
    pytest.fail("nothing was refused")


@pytest.mark.parametrize("body", [message(b"early"), b""])
def test_an_answer_begins_with_its_head(body: bytes) -> None:
    """
    A message that comes before it is nobody's answer; other calls go on.
    """
    machine = client()
    broken, sound = (machine.call(HEAD, b"ask", "", True) for _ in range(2))
    machine.take_output()
    ended = only(CallEnded, machine.receive(chunk(broken, body, end=not body)))
    assert (broken, Status.INTERNAL) == (ended.call_id, ended.status)
    assert [broken] == [frame[2] for frame in of(frames.RST_STREAM, machine.take_output())]
    answer = head(sound, RESPONSE) + chunk(sound, message(b"fine"))
    trailers = head(sound, [(b"grpc-status", b"0")], end=True)
    assert b"fine" == only(ResponseReceived, machine.receive(answer + trailers)).body


def test_a_client_defends_itself_likewise() -> None:
    """
    A server that breaks the rules, or floods, loses the connection.
    """
    for broken, code in (
        (frames.pack(5, 4, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
        (frames.settings({2: 1}), ErrorCode.PROTOCOL_ERROR),
        (head(1), ErrorCode.PROTOCOL_ERROR),
        (frames.ping(bytes(8)) * 102, ErrorCode.ENHANCE_YOUR_CALM),
    ):
        machine = client()
        events = machine.receive(broken)
        if events:
            only(ConnectionFailed, events)
        assert code == goaway_code(machine.take_output())


def test_a_peer_that_reports_a_fault_is_believed() -> None:
    """
    Its GOAWAY is told as its own report.
    """
    machine = server()
    failed = only(ConnectionFailed, machine.receive(frames.goaway(0, 1, "bad\n\x1b[31m")))
    assert failed.by_peer
    assert "PROTOCOL_ERROR: bad??[31m" == failed.reason


def test_a_preface_may_come_in_any_pieces() -> None:
    """
    Byte by byte, or together with the first calls.
    """
    machine = ServerMachine(Limits(), ())
    machine.start()
    events = []
    stream = HELLO + head(1) + chunk(1, message(b"x"), end=True)
    for position in range(len(stream)):
        events += machine.receive(stream[position : position + 1])
    assert 1 == len([e for e in events if type(e) is RequestReceived])


def test_a_peer_that_was_pinged_too_often_says_so() -> None:
    """
    That word, with its code, is told apart from all others.
    """
    said = [(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings"), (ErrorCode.ENHANCE_YOUR_CALM, "calls")]
    told = [
        only(ConnectionFailed, client().receive(frames.goaway(0, *each))).too_many_pings
        for each in said
    ]
    assert [True, False] == told


def test_what_a_cancelled_stream_still_had_on_its_way_is_no_fault() -> None:
    """
    A window full of small messages, and the end, may come after the reset.
    """
    machine = client(limits=Limits(stream_window_bytes=100_000))
    call_id = machine.call(HEAD, b"", "", True)
    machine.cancel(call_id)
    late = b"".join(chunk(call_id, message(b"12345")) for _ in range(10_000))
    told = machine.receive(head(call_id, RESPONSE) + late)
    told += machine.receive(head(call_id, [(b"grpc-status", b"0")], end=True))
    assert [] == told


def test_the_late_answers_of_thousands_of_calls_are_no_fault() -> None:
    """
    So it is after a server hung, and the time of all its callers ran out.
    """
    machine = client({3: 10_000})
    calls = [machine.call(HEAD, b"", "", True) for _ in range(5000)]
    for call_id in calls:
        machine.cancel(call_id)
    trailers = [(b"grpc-status", b"0")]
    answers = (
        head(n, RESPONSE) + chunk(n, message(b"late")) + head(n, trailers, end=True) for n in calls
    )
    assert [] == machine.receive(b"".join(answers))


def test_more_than_can_have_been_on_its_way_is_a_flood() -> None:
    """
    Beyond two windows of a cancelled stream, each frame counts as one that moves nothing.
    """
    machine = client(limits=Limits(stream_window_bytes=1000, max_pings=10))
    call_id = machine.call(HEAD, b"", "", True)
    machine.cancel(call_id)
    assert [] == machine.receive(chunk(call_id, bytes(1000)) * 2 + chunk(call_id, b"x") * 100)
    only(ConnectionFailed, machine.receive(chunk(call_id, b"x")))


def test_the_middle_of_a_message_is_held_to_the_window() -> None:
    """
    A frame that lies within a message, and is over the window, costs its call.
    """
    machine = server(Limits(stream_window_bytes=10_000))
    machine.receive(head(1) + chunk(1, message(bytes(50_000))[:2000]))
    assert 1 == only(CallCancelled, machine.receive(chunk(1, bytes(12_000)))).call_id
    (reset,) = of(frames.RST_STREAM, machine.take_output())
    assert ErrorCode.FLOW_CONTROL_ERROR == frames.parse_reset(reset[3])
