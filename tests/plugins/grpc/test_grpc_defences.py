"""
What a server does with peers that break the rules, or only strain them.
"""

from __future__ import annotations

import tracemalloc

import pytest

from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    RequestHead,
    RequestReceived,
    ResponseReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.http2.settings import FRAME_BYTES, INITIAL_WINDOW_SIZE
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


def whole(stream_id: int, fields: list[tuple[bytes, bytes]] = REQUEST) -> bytes:
    """
    Return a request whose frames come together.
    """
    block = head(stream_id, fields)[9:]
    begun = frames.pack(frames.HEADERS, frames.END_HEADERS, stream_id, block)
    return begun + chunk(stream_id, message(b"whole"), end=True)


CALL = RequestHead("demo.Greeter/say", "protobuf")

FAST_PATH_FAULTS = {
    "a stream of the server's": (HELLO, whole(2), ErrorCode.PROTOCOL_ERROR),
    "no SETTINGS before it": (frames.PREFACE, whole(1), ErrorCode.PROTOCOL_ERROR),
    "HEADERS over the limit": (
        HELLO + head(1),
        whole(3, [*REQUEST, (b"x", b"y" * FRAME_BYTES)]),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "within a header block": (
        HELLO + frames.pack(frames.HEADERS, 0, 1, b""),
        whole(3),
        ErrorCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize("seen", [False, True])
def test_no_request_begins_with_trailers(seen: bool) -> None:
    """
    Nor with such as have ended another request, and are known.
    """
    machine = server()
    trailers = [(b"checksum", b"1")]
    if seen:
        machine.receive(head(1) + head(1, trailers, end=True))
    machine.take_output()
    assert [] == machine.receive(whole(3, trailers))
    [(_, _, stream_id, payload)] = of(frames.RST_STREAM, machine.take_output())
    assert (3, ErrorCode.PROTOCOL_ERROR) == (stream_id, frames.parse_reset(payload))


def test_a_header_block_over_our_limit_in_one_frame_costs_its_call_alone() -> None:
    """
    So a peer may send the largest frame that we take, whatever is in it.
    """
    machine = server(Limits(max_header_bytes=1024))
    begun = head(1, [*REQUEST, (b"x", b"y" * (FRAME_BYTES - 1024))])
    assert 60_000 < len(begun)
    assert [] == machine.receive(begun + chunk(1, message(b""), end=True))
    out = machine.take_output()
    assert b"max_header_bytes = 1024" in out
    assert [] == of(frames.GOAWAY, out)
    assert "shop.Orders/Create" == only(RequestReceived, machine.receive(whole(3))).head.path


@pytest.mark.parametrize("name", FAST_PATH_FAULTS)
def test_the_fast_path_keeps_the_rules(name: str) -> None:
    """
    A request whose frames come together may break no rule that it could not break in pieces.
    """
    before, broken, code = FAST_PATH_FAULTS[name]
    machine = ServerMachine(Limits(), ())
    machine.start()
    machine.receive(before)
    only(ConnectionFailed, machine.receive(broken))
    assert code == goaway_code(machine.take_output())


MALFORMED = {
    "no path": [field for field in REQUEST if field[0] != b":path"],
    "capital letters": [*REQUEST, (b"X-A", b"")],
    "trailers": [(b"x", b"y")],
}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_costs_its_call(name: str, *, whole: bool) -> None:
    """
    Whether it comes in one piece or not; the application never hears of it.
    """
    machine = server()
    machine.receive(head(1))
    begun = head(3, MALFORMED[name])
    if whole:
        begun += chunk(3, message(b"x"), end=True)
    [event] = machine.receive(begun + head(5) + chunk(5, message(b"next"), end=True))
    assert 5 == event.call_id
    [(_, _, stream_id, code)] = of(frames.RST_STREAM, machine.take_output())
    assert (3, ErrorCode.PROTOCOL_ERROR) == (stream_id, frames.parse_reset(code))


def test_a_call_that_its_peer_breaks_is_cancelled() -> None:
    """
    The application is told once, with what was wrong.
    """
    machine = server()
    machine.receive(head(1))
    cancelled = only(CallCancelled, machine.receive(frames.window_update(1, 0)))
    assert (1, "a WINDOW_UPDATE adds at least 1; 0 came") == (cancelled.call_id, cancelled.reason)


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


def test_requests_that_are_refused_and_reset_count_as_cancelled() -> None:
    """
    A refusal that waits for the window of its stream is no response that has begun.
    """
    machine = server(Limits(max_resets=10))
    machine.receive(frames.settings({INITIAL_WINDOW_SIZE: 0}))
    refused = [(b":method", b"GET"), *REQUEST[1:]]
    events = []
    for number in range(1, 23, 2):
        events += machine.receive(head(number, refused, end=True) + frames.reset(number, 8))
    assert "max_resets = 10" in only(ConnectionFailed, events).reason


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


def test_heads_over_the_limit_cost_the_call() -> None:
    """
    The refusal names the option; the connection goes on.
    """
    machine = server(Limits(max_header_bytes=2000))
    machine.receive(head(1, [*REQUEST, (b"x", b"y" * 3000)]))
    out = machine.take_output()
    assert b"max_header_bytes = 2000" in out
    only(RequestReceived, machine.receive(head(3)))


def test_a_byte_at_a_time_takes_no_more_memory_than_the_message() -> None:
    """
    A large message in tiny frames is kept in one buffer, which grows with its bytes.
    """
    reader = MessageReader(100_000)
    tracemalloc.start()
    try:
        reader.feed(message(bytes(100_000))[:5])
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(99_999):
            reader.feed(b"x")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 1.2 * 100_000 > after - before


def test_a_byte_at_a_time_takes_no_more_memory_than_the_frame() -> None:
    """
    A frame that comes in tiny pieces takes what is counted of it, also if it never ends.
    """
    machine = server()
    machine.receive(frames.pack(frames.DATA, 0, 1, bytes(FRAME_BYTES))[:1000])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(10_000):
            machine.receive(b"xy")
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 21_000 == machine.held_bytes
    assert 1.5 * machine.held_bytes > after - before


def test_a_header_block_is_dropped_once_it_was_read() -> None:
    """
    A peer that sends a large one and then nothing holds no memory that is not counted.
    """
    machine = server(Limits(max_header_bytes=1000))
    machine.receive(head(1))
    block = encode([*REQUEST, *[(b"x-%d" % number, b"y" * 900) for number in range(60)]])
    begun = frames.pack(frames.HEADERS, 0, 3, block[:9])
    begun += frames.pack(frames.CONTINUATION, frames.END_HEADERS, 3, block[9:])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        machine.receive(begun)
        machine.take_output()
        machine.receive(frames.reset(3, ErrorCode.CANCEL))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 == machine.held_bytes
    assert 30_000 > after - before


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
    assert "GOAWAY, PROTOCOL_ERROR: bad??[31m" == failed.reason


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


def test_late_responses_of_a_server_that_was_paused() -> None:
    """
    However many calls were cancelled meanwhile, their responses do no harm. More of them do.
    """
    near = client(limits=Limits(max_calls=1, max_pings=1))
    far = server(Limits(max_calls=10_000, max_resets=1_000_000))
    near.receive(far.take_output())
    far.receive(near.take_output())
    near.receive(far.take_output())
    late = b""
    for _ in range(3_000):
        call_id = near.call(CALL, b"x", "", ended=True)
        (request,) = far.receive(near.take_output())
        assert isinstance(request, RequestReceived)
        far.respond(request.call_id, b"y")
        late += far.take_output()
        near.cancel(call_id)
        near.take_output()

    assert [] == near.receive(late)
    assert isinstance(near.receive(late)[-1], ConnectionFailed)
