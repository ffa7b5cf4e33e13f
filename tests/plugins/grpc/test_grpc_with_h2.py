"""
Both sides against the h2 library, which knows nothing of how we do it.
"""

from __future__ import annotations

from importlib.metadata import version

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.events import (
    RequestReceived as H2Request,
)
from h2.events import (
    ResponseReceived as H2Response,
)

from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    GoAwayReceived,
    HalfClosed,
    MessageReceived,
    RequestHead,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc.pair import HEAD, REQUEST, RESPONSE, message, only

PAIRS = Metadata((("x-tenant", "acme"), ("x-key-bin", b"\x00\xff")))


class Caller:
    """
    An h2 client and our server.
    """

    def __init__(self, **limits) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.ours = ServerMachine(Limits(**limits), ("gzip",))
        self.h2.initiate_connection()
        self.ours.start()
        self.carry()

    def carry(self):
        """
        Return what (ours, h2) made of everything.
        """
        ours, theirs = [], []
        while True:
            forth, back = self.h2.data_to_send(), self.ours.take_output()
            if not forth and not back:
                return ours, theirs
            ours += self.ours.receive(forth)
            theirs += self.h2.receive_data(back) if back else []

    def ask(self, fields=REQUEST, body: bytes | None = b"ask", *, end: bool = True) -> int:
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, fields)
        if body is not None:
            self.h2.send_data(stream_id, message(body), end_stream=end)
        return stream_id


class Answerer:
    """
    Our client and an h2 server.
    """

    def __init__(self, **limits) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.ours = ClientMachine(Limits(**limits), ("gzip",), "shop:8000", "https")
        self.h2.initiate_connection()
        self.ours.start()
        self.carry()

    carry = Caller.carry

    def answer(
        self, stream_id, fields=(*RESPONSE,), body=b"answer", trailers=((b"grpc-status", b"0"),)
    ):
        self.h2.send_headers(stream_id, list(fields))
        if body is not None:
            self.h2.send_data(stream_id, message(body))
        self.h2.send_headers(stream_id, list(trailers), end_stream=True)


def collected(events) -> tuple[dict[bytes, bytes], bytes, dict[bytes, bytes]]:
    """
    Return head, body and trailers of the one answer among h2's events.
    """
    head = only(H2Response, events)
    body = b"".join(e.data for e in events if isinstance(e, DataReceived))
    trailers = [e for e in events if isinstance(e, TrailersReceived)]
    return dict(head.headers), body, dict(trailers[0].headers) if trailers else {}


def test_our_server_answers_h2() -> None:
    """
    Several calls: the first, and those that are remembered.
    """
    peer = Caller()
    for number in range(4):
        peer.ask(body=b"%d" % number)
        request = only(RequestReceived, peer.carry()[0])
        assert (b"%d" % number, True) == (request.body, request.ended)
        peer.ours.respond(request.call_id, b"answer", "", EMPTY, PAIRS)
        head, body, trailers = collected(peer.carry()[1])
        assert (b"200", b"application/grpc") == (head[b":status"], head[b"content-type"])
        assert message(b"answer") == body
        assert (b"0", b"AP8") == (trailers[b"grpc-status"], trailers[b"x-key-bin"])


def test_our_server_fails_in_trailers_only() -> None:
    """
    One HEADERS frame says it all.
    """
    peer = Caller()
    peer.ask()
    request = only(RequestReceived, peer.carry()[0])
    peer.ours.finish(request.call_id, Status.NOT_FOUND, "50 % gone", b"\x08\x05")
    events = peer.carry()[1]
    only(StreamEnded, events)
    head, body, _ = collected(events)
    assert (b"200", b"5", b"50 %25 gone") == (
        head[b":status"],
        head[b"grpc-status"],
        head[b"grpc-message"],
    )
    assert (b"CAU", b"") == (head[b"grpc-status-details-bin"], body)


def test_our_server_streams_to_h2() -> None:
    """
    Flow control of both windows is kept, and given back.
    """
    peer = Caller()
    peer.ask()
    call_id = only(RequestReceived, peer.carry()[0]).call_id
    peer.ours.start_response(call_id, PAIRS)
    peer.ours.send(call_id, b"x" * 300_000)
    peer.ours.finish(call_id, Status.OK, trailers=PAIRS)
    body = b""
    for _ in range(30):
        for event in peer.carry()[1]:
            if isinstance(event, DataReceived):
                body += event.data
                peer.h2.acknowledge_received_data(event.flow_controlled_length, call_id)
            if isinstance(event, StreamEnded):
                assert message(b"x" * 300_000) == body
                return
    pytest.fail("it did not end")


def test_h2_streams_to_our_server() -> None:
    """
    Messages cut across frames, with padding.
    """
    peer = Caller()
    stream_id = peer.ask(body=None)
    peer.carry()
    stream = message(b"one") + message(b"") + message(b"three" * 100)
    found = []
    for position in range(0, len(stream), 7):
        peer.h2.send_data(stream_id, stream[position : position + 7], pad_length=3)
        found += peer.carry()[0]
    peer.h2.end_stream(stream_id)
    found += peer.carry()[0]
    bodies = [e.body for e in found if type(e) is MessageReceived]
    assert [b"one", b"", b"three" * 100] == bodies
    only(HalfClosed, found)


def test_h2_gives_up() -> None:
    """
    A reset by the caller cancels the call.
    """
    peer = Caller()
    stream_id = peer.ask()
    peer.carry()
    peer.h2.reset_stream(stream_id, 8)
    assert stream_id == only(CallCancelled, peer.carry()[0]).call_id


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({b":method": b"GET"}, b"405"),
        ({b"content-type": b"text/html"}, b"415"),
        ({b"content-type": b"application/grpc-web"}, b"415"),
    ],
)
def test_who_does_not_speak_grpc_gets_an_answer(changes, status) -> None:
    """
    An HTTP status, and a sentence that says what is spoken here.
    """
    peer = Caller()
    fields = [(name, changes.get(name, value)) for name, value in REQUEST]
    peer.ask(fields)
    at_server, events = peer.carry()
    assert [] == at_server
    head, body, _ = collected(events)
    assert status == head[b":status"]
    assert b"application/grpc" in body
    assert int(head[b"content-length"]) == len(body)


def test_a_large_upload_that_is_no_call_is_not_read_to_its_end() -> None:
    """
    It is refused, and told to stop.
    """
    peer = Caller()
    stream_id = peer.ask(
        [(n, b"text/plain" if n == b"content-type" else v) for n, v in REQUEST], None
    )
    for _ in range(3):
        peer.h2.send_data(stream_id, bytes(10_000))
    events = peer.carry()[1]
    assert b"415" == dict(only(H2Response, events).headers)[b":status"]
    assert ErrorCode.NO_ERROR == only(StreamReset, events).error_code


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        (b"application/grpc", "protobuf"),
        (b"application/grpc+proto", "protobuf"),
        (b"application/grpc+json", "json"),
        (b"application/grpc;charset=utf-8", "protobuf"),
    ],
)
def test_the_codec_is_chosen_by_the_content_type(content_type, codec) -> None:
    """
    And the answer has the content-type of the request.
    """
    peer = Caller()
    peer.ask([(n, content_type if n == b"content-type" else v) for n, v in REQUEST])
    request = only(RequestReceived, peer.carry()[0])
    assert codec == request.head.codec
    peer.ours.respond(request.call_id, b"")
    assert content_type == collected(peer.carry()[1])[0][b"content-type"]


@pytest.mark.parametrize(
    ("field", "status", "text"),
    [
        ((b"grpc-encoding", b"snappy"), b"12", b"gzip"),
        ((b"grpc-timeout", b"soon"), b"13", b"grpc-timeout"),
        ((b"x-bin", b"!!"), b"13", b"base64"),
    ],
)
def test_heads_that_cannot_be_served_are_refused(field, status, text) -> None:
    """
    With a gRPC status, and what was expected.
    """
    peer = Caller()
    peer.ask([*REQUEST, field])
    at_server, events = peer.carry()
    assert [] == at_server
    head = collected(events)[0]
    assert status == head[b"grpc-status"]
    assert text in head[b"grpc-message"]
    if status == b"12":
        assert b"gzip,identity" == head[b"grpc-accept-encoding"]


@pytest.mark.parametrize(
    ("flag", "extra", "text"),
    [(1, [], b"grpc-encoding"), (2, [], b"0 or 1")],
)
def test_messages_that_cannot_be_read_end_the_call(flag, extra, text) -> None:
    """
    INTERNAL, as gRPC has it.
    """
    peer = Caller()
    stream_id = peer.ask([*REQUEST, *extra], None)
    peer.h2.send_data(stream_id, message(b"x", flag))
    at_server, events = peer.carry()
    only(CallCancelled, at_server)
    head = collected(events)[0]
    assert b"13" == head[b"grpc-status"]
    assert text in head[b"grpc-message"]


def test_a_request_that_ends_within_a_message_is_refused() -> None:
    """
    Half a message is none.
    """
    peer = Caller()
    stream_id = peer.ask(body=None)
    peer.h2.send_data(stream_id, message(b"xyz")[:-1], end_stream=True)
    assert b"13" == collected(peer.carry()[1])[0][b"grpc-status"]


def test_what_no_metadata_may_hold_is_made_readable() -> None:
    """
    Foreign bytes in a value neither break the call nor travel on.
    """
    peer = Caller()
    peer.ask([*REQUEST, (b"x-name", "José".encode()), (b"x-two-bin", b"YQ,Yg==")])
    metadata = only(RequestReceived, peer.carry()[0]).head.metadata
    assert "Jos\\xc3\\xa9" == metadata.get("x-name")
    assert (b"a", b"b") == metadata.all("x-two-bin")
    assert Metadata.of(metadata) == metadata


# Our client.


def test_our_client_calls_h2() -> None:
    """
    Its head says what gRPC's servers look for.
    """
    peer = Answerer()
    for number in range(4):
        head = RequestHead("shop.Orders/Create", "json", 3.0, PAIRS)
        call_id = peer.ours.call(head, b"%d" % number, "", True)
        events = peer.carry()[1]
        fields = only(H2Request, events).headers
        assert [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":path", b"/shop.Orders/Create"),
            (b":authority", b"shop:8000"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc+json"),
            (b"user-agent", b"grpc-python-rpcfw/" + version("rpcfw").encode()),
            (b"grpc-accept-encoding", b"gzip,identity"),
            (b"grpc-timeout", b"3000000u"),
            (b"x-tenant", b"acme"),
            (b"x-key-bin", b"AP8"),
        ] == [tuple(field) for field in fields]
        assert message(b"%d" % number) == only(DataReceived, events).data
        peer.answer(call_id, (*RESPONSE, (b"x-a", b"b")))
        answer = only(ResponseReceived, peer.carry()[0])
        assert (call_id, b"answer", "b") == (
            answer.call_id,
            answer.body,
            answer.metadata.get("x-a"),
        )


def test_an_answer_in_several_turns_is_several_events() -> None:
    """
    What came in one turn is not waited for with what comes in the next.
    """
    peer = Answerer()
    call_id = peer.ours.call(HEAD, b"", "", True)
    peer.carry()
    peer.h2.send_headers(call_id, RESPONSE)
    only(ResponseStarted, peer.carry()[0])
    peer.h2.send_data(call_id, message(b"x"))
    assert b"x" == only(MessageReceived, peer.carry()[0]).body
    peer.h2.send_headers(call_id, [(b"grpc-status", b"0")], end_stream=True)
    assert Status.OK is only(CallEnded, peer.carry()[0]).status


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ([(b":status", b"404")], Status.UNIMPLEMENTED, "404"),
        ([(b":status", b"503")], Status.UNAVAILABLE, "503"),
        ([(b":status", b"401")], Status.UNAUTHENTICATED, "401"),
        ([(b":status", b"418")], Status.UNKNOWN, "418"),
        ([(b":status", b"200"), (b"content-type", b"text/html")], Status.UNKNOWN, "text/html"),
        ([*RESPONSE, (b"grpc-encoding", b"snappy")], Status.INTERNAL, "snappy"),
    ],
)
def test_answers_of_who_does_not_speak_grpc(fields, status, text) -> None:
    """
    A proxy's status, or a page, becomes the nearest status of gRPC.
    """
    peer = Answerer()
    call_id = peer.ours.call(HEAD, b"", "", True)
    peer.carry()
    peer.h2.send_headers(call_id, fields)
    peer.h2.send_data(call_id, b"<html>", end_stream=True)
    ended = only(CallEnded, peer.carry()[0])
    assert status is ended.status
    assert text in ended.message
    assert 0 == peer.ours.open_calls


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(b"grpc-status", b"17")], Status.UNKNOWN),
        ([(b"grpc-status", b"x")], Status.UNKNOWN),
        ([(b"x", b"y")], Status.UNKNOWN),
        ([(b"grpc-status", b"16"), (b"grpc-message", b"a%zz%20%e2%82%ac")], Status.UNAUTHENTICATED),
    ],
)
def test_odd_trailers_have_a_meaning(fields, status) -> None:
    """
    An unknown or missing status is UNKNOWN; broken escapes are shown as they are.
    """
    peer = Answerer()
    call_id = peer.ours.call(HEAD, b"", "", True)
    peer.carry()
    peer.answer(call_id, RESPONSE, None, fields)
    ended = only(CallEnded, peer.carry()[0])
    assert status is ended.status
    if len(fields) == 2:
        assert "a%zz €" == ended.message


@pytest.mark.parametrize(
    ("code", "status", "hints"),
    [
        (ErrorCode.REFUSED_STREAM, Status.UNAVAILABLE, Hint.NOT_BEGUN),
        (ErrorCode.CANCEL, Status.CANCELLED, Hint.NONE),
        (ErrorCode.ENHANCE_YOUR_CALM, Status.RESOURCE_EXHAUSTED, Hint.NONE),
        (ErrorCode.INTERNAL_ERROR, Status.INTERNAL, Hint.NONE),
        (ErrorCode.INADEQUATE_SECURITY, Status.PERMISSION_DENIED, Hint.NONE),
    ],
)
def test_a_reset_has_a_status(code, status, hints) -> None:
    """
    And a refused stream the promise that it was not begun.
    """
    peer = Answerer()
    call_id = peer.ours.call(HEAD, b"", "", True)
    peer.carry()
    peer.h2.reset_stream(call_id, code)
    ended = only(CallEnded, peer.carry()[0])
    assert (status, hints) == (ended.status, ended.hints)


def test_pushback_that_cannot_be_read_means_never() -> None:
    """
    As gRPC's retries have it.
    """
    peer = Answerer()
    for value, expected in ((b"1500", 1.5), (b"-1", -1.0), (b"soon", -1.0)):
        call_id = peer.ours.call(HEAD, b"", "", True)
        peer.carry()
        peer.answer(
            call_id, RESPONSE, None, [(b"grpc-status", b"14"), (b"grpc-retry-pushback-ms", value)]
        )
        assert expected == only(CallEnded, peer.carry()[0]).retry_after_s


def test_early_hints_are_passed_over() -> None:
    """
    An informational head is not the answer.
    """
    peer = Answerer()
    call_id = peer.ours.call(HEAD, b"", "", True)
    peer.carry()
    peer.h2.send_headers(call_id, [(b":status", b"103"), (b"link", b"x")])
    assert [] == peer.carry()[0]
    peer.answer(call_id)
    assert b"answer" == only(ResponseReceived, peer.carry()[0]).body


def test_early_hints_are_bounded() -> None:
    """
    Informational heads bring no answer nearer: too many are a flood.
    """
    peer = Answerer()
    call_id = peer.ours.call(HEAD, b"", "", True)
    peer.carry()
    for _ in range(1001):
        peer.h2.send_headers(call_id, [(b":status", b"103")])
    assert "too many frames" in only(ConnectionFailed, peer.carry()[0]).reason


def test_our_client_streams_to_h2() -> None:
    """
    It waits for h2's windows, and ends its side on the last byte.
    """
    peer = Answerer()
    call_id = peer.ours.call(HEAD, None, "", False)
    peer.ours.send(call_id, b"x" * 200_000)
    peer.ours.end(call_id)
    body = b""
    for _ in range(30):
        for event in peer.carry()[1]:
            if isinstance(event, DataReceived):
                body += event.data
                peer.h2.acknowledge_received_data(event.flow_controlled_length, call_id)
            if isinstance(event, StreamEnded):
                assert message(b"x" * 200_000) == body
                return
    pytest.fail("it did not end")


def test_h2_says_goodbye() -> None:
    """
    What it has not begun may go elsewhere.
    """
    peer = Answerer()
    first = peer.ours.call(HEAD, b"", "", True)
    peer.carry()
    second = peer.ours.call(HEAD, b"", "", True)
    peer.h2.close_connection(0, b"bye", last_stream_id=first)
    events = peer.ours.receive(peer.h2.data_to_send())
    assert (second,) == only(GoAwayReceived, events).refused


def test_a_smaller_table_of_the_peer_is_heeded() -> None:
    """
    h2 refuses blocks that ignore the size it has announced.
    """
    for size in (0, 100):
        peer = Answerer()
        peer.ours.call(HEAD, b"", "", True)
        peer.carry()
        peer.h2.update_settings({1: size})
        peer.carry()
        for _ in range(3):
            peer.ours.call(HEAD, b"", "", True)
            only(H2Request, peer.carry()[1])
        caller = Caller()
        caller.h2.update_settings({1: size})
        for _ in range(3):
            caller.ask()
            caller.ours.respond(only(RequestReceived, caller.carry()[0]).call_id, b"x")
            assert message(b"x") == collected(caller.carry()[1])[1]
