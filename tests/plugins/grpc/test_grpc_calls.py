"""
Calls between our own two sides, in every shape.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import ConnectionLost, LocalProtocolError, MessageTooLarge, Overloaded
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    GoAwayReceived,
    HalfClosed,
    HandshakeCompleted,
    MessageReceived,
    PingAnswered,
    PingReceived,
    RequestHead,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
    StreamWritable,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc.pair import (
    HEAD,
    Pair,
    chunk,
    client,
    cut,
    head,
    message,
    of,
    only,
    server,
)

PAIRS = Metadata((("x-tenant", "acme"), ("x-key-bin", b"\x00\xff"), ("x-tenant", "second")))


def test_a_unary_call_is_one_event_on_each_side() -> None:
    """
    A whole request, and a whole answer, are reported as such.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, b"ask", "", True)
    received = only(RequestReceived, pair.carry()[0])
    assert (b"ask", "", True) == (received.body, received.encoding, received.ended)
    assert ("shop.Orders/Create", "protobuf") == (received.head.path, received.head.codec)
    pair.server.respond(received.call_id, b"answer")
    answered = only(ResponseReceived, pair.carry()[1])
    assert (call_id, b"answer") == (answered.call_id, answered.body)


def test_a_call_on_the_short_way_says_the_same_as_the_first() -> None:
    """
    What is remembered of the first call changes nothing in the later ones.
    """
    pair = Pair(caller="shop")
    for number in range(5):
        pair.client.call(RequestHead("a/b", "json", 3.0, PAIRS), b"%d" % number, "", True)
        received = only(RequestReceived, pair.carry()[0])
        assert (3.0, "shop", "json", ("gzip",)) == (
            received.head.timeout_s,
            received.head.caller,
            received.head.codec,
            received.head.accepts,
        )
        assert PAIRS.pairs == received.head.metadata.pairs[-3:]
        pair.server.respond(received.call_id, b"%d" % number, "", PAIRS, PAIRS)
        answered = only(ResponseReceived, pair.carry()[1])
        assert (b"%d" % number, PAIRS, PAIRS) == (
            answered.body,
            answered.metadata,
            answered.trailers,
        )


def test_a_failure_brings_all_that_was_said_of_it() -> None:
    """
    Status, message, details, trailers, hints and the wish to wait cross the wire.
    """
    pair = Pair()
    pair.client.call(HEAD, b"", "", True)
    call_id = only(RequestReceived, pair.carry()[0]).call_id
    pair.server.finish(
        call_id,
        Status.NOT_FOUND,
        "no order “7” – 100 %\n",
        b"\x08\x05",
        PAIRS,
        Hint.NOT_BEGUN | Hint.NEVER_SENT,
        1.5,
    )
    ended = only(CallEnded, pair.carry()[1])
    assert (Status.NOT_FOUND, "no order “7” – 100 %\n") == (ended.status, ended.message)
    assert (b"\x08\x05", Hint.NOT_BEGUN, 1.5) == (ended.details, ended.hints, ended.retry_after_s)
    assert PAIRS == ended.trailers


def test_an_answer_brings_no_more_metadata_than_its_caller_takes() -> None:
    """
    What is too much is left out, before the messages and after: the answer still comes.
    """
    pair = Pair()
    much = Metadata((("much", "x" * (1 << 20)),))
    pair.client.call(HEAD, b"ask", "", True)
    call_id = only(RequestReceived, pair.carry()[0]).call_id
    pair.server.respond(call_id, b"answer", "", much, much)
    answered = only(ResponseReceived, pair.carry()[1])

    assert (b"answer", (), ()) == (
        answered.body,
        answered.metadata.pairs,
        answered.trailers.pairs,
    )


def test_a_server_streams() -> None:
    """
    Head, messages and end of an answer come in order.
    """
    pair = Pair()
    pair.client.call(HEAD, b"ask", "", True)
    call_id = only(RequestReceived, pair.carry()[0]).call_id
    pair.server.start_response(call_id, PAIRS)
    assert PAIRS == only(ResponseStarted, pair.carry()[1]).metadata
    for body in (b"one", b"", b"three"):
        assert pair.server.send(call_id, body)
    events = pair.carry()[1]
    assert [b"one", b"", b"three"] == [e.body for e in events if type(e) is MessageReceived]
    pair.server.finish(call_id, Status.OK, trailers=PAIRS)
    ended = only(CallEnded, pair.carry()[1])
    assert (Status.OK, PAIRS, PAIRS) == (ended.status, ended.metadata, ended.trailers)


def test_a_client_streams() -> None:
    """
    Messages come one by one, then the end of the caller's side.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, None, "", False)
    received = only(RequestReceived, pair.carry()[0])
    assert (None, False) == (received.body, received.ended)
    pair.client.send(call_id, b"one")
    pair.client.send(call_id, b"two")
    pair.client.end(call_id)
    events = pair.carry()[0]
    assert [b"one", b"two"] == [e.body for e in events if type(e) is MessageReceived]
    assert type(events[-1]) is HalfClosed
    pair.server.respond(call_id, b"three")
    assert b"three" == only(ResponseReceived, pair.carry()[1]).body


def test_a_request_of_no_message_ends_at_once() -> None:
    """
    A client that ends before its first message is seen to have done so.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, None, "", False)
    pair.client.end(call_id)
    received = only(RequestReceived, pair.carry()[0])
    assert (None, True) == (received.body, received.ended)


def test_a_compressed_message_keeps_its_encoding() -> None:
    """
    What was packed is handed out packed, by name; what was not, is not.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, b"packed", "gzip", True)
    received = only(RequestReceived, pair.carry()[0])
    assert (b"packed", "gzip") == (received.body, received.encoding)
    pair.server.start_response(call_id, EMPTY, "gzip")
    pair.server.send(call_id, b"plain")
    pair.server.send(call_id, b"packed", "gzip")
    events = [e for e in pair.carry()[1] if type(e) is MessageReceived]
    assert [(b"plain", ""), (b"packed", "gzip")] == [(e.body, e.encoding) for e in events]


def test_a_compression_that_was_not_announced_is_not_sent() -> None:
    """
    gRPC names the compression in the head; a message cannot have another.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, None, "", False)
    with pytest.raises(LocalProtocolError, match="name the compression"):
        pair.client.send(call_id, b"packed", "gzip")


def test_what_the_server_can_undo_is_learned_from_its_first_answer() -> None:
    """
    HTTP/2's greeting cannot say it, so it is reported when it is known.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, b"", "", True)
    pair.carry()
    pair.server.respond(call_id, b"")
    assert ("gzip",) == only(HandshakeCompleted, pair.carry()[1]).accepts


@pytest.mark.parametrize("size", [70_000, 1 << 20, 4 << 20])
def test_a_message_larger_than_the_window_arrives(size: int) -> None:
    """
    A message may be larger than what may be on its way at once.
    """
    pair = Pair(stream_window_bytes=65_536)
    call_id = pair.client.call(HEAD, b"x" * size, "", True)
    events = pair.carry()[0]
    assert size == len(only(MessageReceived, events).body)
    pair.server.respond(call_id, b"y" * size)
    assert size == len(only(MessageReceived, pair.carry()[1]).body)


def test_a_stream_that_nobody_reads_stops() -> None:
    """
    The sender is told that it is full, and of room once messages were consumed.
    """
    pair = Pair(stream_window_bytes=1000)
    call_id = pair.client.call(HEAD, None, "", False)
    sent, came = 0, []
    while pair.client.send(call_id, b"x" * 95):
        sent += 1
        came += [e for e in pair.carry()[0] if type(e) is MessageReceived]
        assert sent < 20
    assert 10 == sent == len(came)
    assert [] == [e for e in pair.carry()[1] if type(e) is StreamWritable]
    for event in came:
        pair.server.consumed(call_id, event.cost)
    assert call_id == only(StreamWritable, pair.carry()[1]).call_id


def test_what_is_read_may_be_sent_again_without_end() -> None:
    """
    Windows are given back in full: long streams do not dry up.
    """
    pair = Pair(stream_window_bytes=2000)
    call_id = pair.client.call(HEAD, None, "", False)
    received = 0
    for _ in range(30_000):
        pair.client.send(call_id, b"x" * 1500)
        for event in pair.carry()[0]:
            if type(event) is MessageReceived:
                received += 1
                pair.server.consumed(call_id, event.cost)
    assert 30_000 == received


def test_long_messages_share_the_connection() -> None:
    """
    While two answers wait for the connection's window, both go on.
    """
    # What every connection may have on its way at first.
    machine = client({4: 1 << 30})
    first = machine.call(HEAD, None, "", False)
    second = machine.call(HEAD, None, "", False)
    machine.send(first, b"a" * 165_530)
    machine.send(second, b"b" * 100_000)
    machine.take_output()
    machine.receive(frames.window_update(0, 100_000))
    lengths = {first: 0, second: 0}
    for _, _, stream_id, payload in of(frames.DATA, machine.take_output()):
        lengths[stream_id] += len(payload)
    assert 100_000 == sum(lengths.values())
    assert min(lengths.values()) > 30_000


def test_a_caller_gives_up() -> None:
    """
    The server hears of a cancel, and what it still says is dropped.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, b"", "", True)
    pair.carry()
    pair.client.cancel(call_id)
    assert call_id == only(CallCancelled, pair.carry()[0]).call_id
    pair.server.respond(call_id, b"late")
    assert ([], []) == pair.carry()


def test_an_answer_that_crosses_a_cancel_is_dropped() -> None:
    """
    Frames for a call that this side gave up harm nothing.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, b"", "", True)
    pair.carry()
    pair.client.cancel(call_id)
    pair.server.respond(call_id, b"x" * 50)
    assert [] == pair.carry()[1]
    later = pair.client.call(HEAD, b"", "", True)
    pair.carry()
    pair.server.respond(later, b"fine")
    assert b"fine" == only(ResponseReceived, pair.carry()[1]).body


def test_a_server_gives_up() -> None:
    """
    A call that the server cancels ends as CANCELLED.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, b"", "", True)
    pair.carry()
    pair.server.cancel(call_id)
    assert Status.CANCELLED is only(CallEnded, pair.carry()[1]).status


def test_a_server_that_ends_early_stops_the_caller() -> None:
    """
    Trailers, then RST_STREAM with NO_ERROR: the caller's messages are not wanted.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, None, "", False)
    pair.carry()
    pair.server.finish(call_id, Status.OUT_OF_RANGE, "enough")
    out = pair.server.take_output()
    assert [(frames.RST_STREAM, 0, call_id, bytes(4))] == of(frames.RST_STREAM, out)
    assert Status.OUT_OF_RANGE is only(CallEnded, pair.client.receive(out)).status
    assert not pair.client.send(call_id, b"dropped")
    assert ([], []) == pair.carry()


def test_what_was_queued_before_a_good_end_arrives() -> None:
    """
    An end stands behind the messages that wait for the reader.
    """
    pair = Pair(stream_window_bytes=200)
    pair.client.call(HEAD, b"", "", True)
    call_id = only(RequestReceived, pair.carry()[0]).call_id
    pair.server.start_response(call_id, EMPTY)
    for _ in range(5):
        pair.server.send(call_id, b"x" * 95)
    pair.server.finish(call_id, Status.OK)
    seen, ended = 0, 0
    for _ in range(10):
        for event in pair.carry()[1]:
            if type(event) is MessageReceived:
                seen += 1
                assert not ended
                pair.client.consumed(call_id, event.cost)
            ended += type(event) is CallEnded
    assert (5, 1) == (seen, ended)


def test_one_way_calls_report_nothing() -> None:
    """
    The server must answer, as gRPC has it; the caller hears none of it.
    """
    pair = Pair()
    head = RequestHead("a/b", "protobuf", one_way=True)
    pair.client.call(head, b"x", "", True)
    call_id = only(RequestReceived, pair.carry()[0]).call_id
    pair.server.respond(call_id, b"y")
    events = pair.carry()[1]
    assert [] == [e for e in events if type(e) is not HandshakeCompleted]
    assert 0 == pair.client.open_calls


def test_more_calls_than_the_server_takes_are_not_sent() -> None:
    """
    The limit is the server's; what is over it never leaves.
    """
    machine = client({3: 1})
    machine.call(HEAD, b"", "", True)
    machine.take_output()
    with pytest.raises(Overloaded) as caught:
        machine.call(HEAD, b"", "", True)
    assert Hint.NEVER_SENT in caught.value.hints
    assert b"" == machine.take_output()


def test_a_head_over_the_servers_limit_is_not_sent() -> None:
    """
    It names size and limit, and spoils nothing for the next call.
    """
    machine = client({6: 1000})
    head = RequestHead("a/b", "protobuf", None, Metadata((("x", "y" * 1000),)))
    with pytest.raises(MessageTooLarge, match="1000"):
        machine.call(head, b"", "", True)
    assert b"" == machine.take_output()
    assert 1 == machine.call(HEAD, b"", "", True)


def test_a_message_over_our_own_limit_is_not_sent() -> None:
    """
    Both sides keep to max_send_bytes, and name it.
    """
    pair = Pair(max_send_bytes=10)
    with pytest.raises(MessageTooLarge, match="max_send_bytes"):
        pair.client.call(HEAD, b"x" * 11, "", True)
    call_id = pair.client.call(HEAD, b"x", "", True)
    pair.carry()
    with pytest.raises(MessageTooLarge, match="max_send_bytes"):
        pair.server.respond(call_id, b"x" * 11)
    pair.server.respond(call_id, b"x" * 10)
    assert 10 == len(only(ResponseReceived, pair.carry()[1]).body)


def test_a_message_over_the_receivers_limit_ends_its_call_only() -> None:
    """
    RESOURCE_EXHAUSTED names the option; the next call is served.
    """
    pair = Pair(max_receive_bytes=1000)
    pair.client.call(HEAD, b"x" * 1001, "", True)
    at_server, at_client = pair.carry()
    ended = only(CallEnded, at_client)
    assert Status.RESOURCE_EXHAUSTED is ended.status
    assert "max_receive_bytes = 1000" in ended.message
    only(CallCancelled, at_server)
    call_id = pair.client.call(HEAD, b"x" * 1000, "", True)
    only(RequestReceived, pair.carry()[0])
    pair.server.respond(call_id, b"y" * 1001)
    ended = only(CallEnded, pair.carry()[1])
    assert Status.RESOURCE_EXHAUSTED is ended.status


def test_a_ping_is_answered() -> None:
    """
    Either side can ask for a sign of life.
    """
    pair = Pair()
    pair.client.ping()
    only(PingAnswered, pair.carry()[1])
    pair.server.ping()
    only(PingAnswered, pair.carry()[0])


def test_a_ping_tells_what_was_said_before_it() -> None:
    """
    Every HEADERS and DATA that a server sends counts, of streams too; other frames do not.
    """
    machine = server()

    def answered() -> bool:
        return only(PingReceived, machine.receive(frames.ping(bytes(8)))).answered

    machine.receive(head(1) + chunk(1, message(b"a")))
    assert not answered()
    for say in (
        lambda: machine.start_response(1, EMPTY),
        lambda: machine.send(1, b"one"),
        lambda: machine.finish(1, Status.OK),
    ):
        say()
        assert answered()
        machine.ping()
        assert not answered()


def test_a_server_leaves_in_two_words() -> None:
    """
    First a GOAWAY that refuses nothing, then, after a ping, one with the last call.
    """
    pair = Pair()
    before = pair.client.call(HEAD, b"", "", True)
    pair.carry()
    pair.server.drain("going home")
    crossing = pair.client.call(HEAD, b"", "", True)
    at_server, at_client = pair.carry()
    assert crossing == only(RequestReceived, at_server).call_id
    leaving = [event for event in at_client if type(event) is GoAwayReceived]
    assert [(), ()] == [event.refused for event in leaving]
    assert "going home" in leaving[0].reason
    for call_id in (before, crossing):
        pair.server.respond(call_id, b"done")
    assert 2 == len([e for e in pair.carry()[1] if type(e) is ResponseReceived])
    with pytest.raises(ConnectionLost):
        pair.client.call(HEAD, b"", "", True)


def test_the_last_word_names_the_last_call() -> None:
    """
    It is said when the ping that followed the first word has come back.
    """
    pair = Pair()
    call_id = pair.client.call(HEAD, b"", "", True)
    pair.carry()
    pair.server.drain("going")
    first = pair.server.take_output()
    pair.client.receive(first)
    pair.server.receive(pair.client.take_output())
    last = pair.server.take_output()
    told = [frames.parse_goaway(f[3]) for f in of(frames.GOAWAY, first + last)]
    assert [(2**31 - 1, 0, "going"), (call_id, 0, "going")] == told


def test_calls_above_the_last_one_were_not_begun() -> None:
    """
    A GOAWAY names them, and they may go elsewhere at once.
    """
    machine = client()
    ids = [machine.call(HEAD, b"", "", True) for _ in range(3)]
    leaving = only(GoAwayReceived, machine.receive(frames.goaway(ids[0], 0, "")))
    assert tuple(ids[1:]) == leaving.refused
    assert 1 == machine.open_calls


@pytest.mark.parametrize("reason", ["going", ""])
def test_leaving_before_the_start_waits_for_it(reason: str) -> None:
    """
    The first frame is SETTINGS, whatever was asked before.
    """
    machine = ServerMachine(Limits(), ())
    machine.drain(reason)
    machine.start()
    kinds = [frame[0] for frame in cut(machine.take_output())]
    assert [frames.SETTINGS, frames.WINDOW_UPDATE, frames.GOAWAY, frames.PING] == kinds


def test_what_makes_no_sense_is_refused() -> None:
    """
    A client cannot answer, a server cannot call, and no id is guessed.
    """
    pair = Pair()
    with pytest.raises(LocalProtocolError):
        pair.client.respond(1, b"")
    with pytest.raises(LocalProtocolError):
        pair.server.call(HEAD, b"", "", True)
    with pytest.raises(LocalProtocolError):
        pair.server.respond(1, b"")
    with pytest.raises(LocalProtocolError):
        pair.client.send(1, b"")


def test_nothing_is_left_of_ended_calls() -> None:
    """
    Whatever became of them, both sides forget calls and their bytes.
    """
    pair = Pair()
    for turn in range(50):
        call_id = pair.client.call(HEAD, None, "", False)
        pair.client.send(call_id, b"x" * 100)
        pair.carry()
        if turn % 3 == 0:
            pair.client.cancel(call_id)
        elif turn % 3 == 1:
            pair.server.finish(call_id, Status.ABORTED)
        else:
            pair.server.respond(call_id, b"y")
        pair.carry()
    for machine in (pair.client, pair.server):
        assert (0, 0) == (machine.open_calls, machine.held_bytes)


def test_every_answer_tells_what_the_server_can_unpack() -> None:
    """
    Behind a proxy the first answer of a connection goes to one client of many.
    """
    pair = Pair()

    def fail(call_id: int) -> None:
        pair.server.finish(call_id, Status.INTERNAL, "no")

    def stream(call_id: int) -> None:
        pair.server.start_response(call_id, PAIRS)
        pair.server.finish(call_id, Status.OK)

    for answer in (lambda call_id: pair.server.respond(call_id, b""), fail, stream) * 2:
        call_id = pair.client.call(HEAD, b"", "", True)
        pair.server.receive(pair.client.take_output())
        answer(call_id)
        said = pair.server.take_output()
        other = client()
        other.call(HEAD, b"", "", True)
        heard = other.receive(renumbered(said, 1))
        assert ("gzip",) == only(HandshakeCompleted, heard).accepts


def renumbered(said: bytes, stream_id: int) -> bytes:
    """
    Return an answer's frames as another connection would have them.
    """
    parts = [frames.pack(kind, flags, stream_id, payload) for kind, flags, _, payload in cut(said)]
    return b"".join(parts)


def test_a_connection_whose_stream_numbers_run_out_is_left() -> None:
    """
    A busy connection uses them up within a day; another one is wanted before.
    """
    pair = Pair()
    first = frames.MAX_STREAM_ID - 2 * (1 << 20)
    for machine in (pair.client, pair.server):
        machine._table.newest = first  # noqa: SLF001 - a day of calls
    heard = []
    for _ in range(3):
        call_id = pair.client.call(HEAD, b"", "", True)
        heard += pair.carry()[1]
        pair.server.respond(call_id, b"")
        heard += pair.carry()[1]
        assert (call_id, 0) == (heard[-1].call_id, pair.client.open_calls)
    assert "nearly used up" in only(GoAwayReceived, heard).reason
