"""
Calls: begun, answered, crossed on the way, over.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import ConnectionLost, LocalProtocolError, MessageTooLarge, Overloaded
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    GoAwayReceived,
    HalfClosed,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import Metadata
from tests.unit.wire.speech import (
    CANCEL,
    CREDIT,
    END,
    ENDED,
    GOAWAY,
    MESSAGE,
    NO_MESSAGE,
    ONE_WAY,
    RESPONSE,
    client,
    field,
    frame,
    frames,
    greeted,
    head,
    request,
    server,
)

PAIR = ("a", "1")
PAIRS = Metadata((("k", "v"), ("k-bin", b"\0\xff")))


def names(events) -> list[str]:
    return [type(event).__name__ for event in events]


def kinds(machine) -> list[tuple[int, int]]:
    return [(kind, call_id) for kind, call_id, *_ in frames(machine.take_output())]


def test_answers_come_in_any_order():
    """
    Calls on one connection are answered as they are ready, each to its caller.
    """
    near, far = greeted()
    ids = [near.call(head(), b"%d" % number, "", ended=True) for number in range(5)]
    events = far.receive(near.take_output())
    for event in reversed(events):
        far.respond(event.call_id, event.body * 2)

    assert [1, 3, 5, 7, 9] == ids
    answers = {event.call_id: event.body for event in near.receive(far.take_output())}
    assert {1: b"00", 3: b"11", 5: b"22", 7: b"33", 9: b"44"} == answers


def test_pairs_travel_with_an_answer():
    """
    An answer carries pairs before and behind its message, and its compression.
    """
    near, far = greeted()
    near.call(head(metadata=PAIRS), b"", "zstd", ended=True)
    (event,) = far.receive(near.take_output())
    far.respond(1, b"abc", "gzip", PAIRS, Metadata((("t", "u"),)))
    (answer,) = near.receive(far.take_output())

    assert (PAIRS, "zstd") == (event.head.metadata, event.encoding)
    assert (b"abc", "gzip", PAIRS) == (answer.body, answer.encoding, answer.metadata)
    assert (("t", "u"),) == answer.trailers.pairs


def test_pairs_beyond_the_limit_are_left_out():
    """
    Pairs that the client takes no header for are left out, from the first that is too long.
    """
    near, far = greeted(Limits(max_header_bytes=1024))
    near.call(head(), b"", "", ended=True)
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    pairs = Metadata((PAIR, ("b", "2" * 2000), ("c", "3")))
    far.respond(1, b"abc", metadata=pairs)
    far.finish(3, Status.ABORTED, "é" * 2000, bytes(5 << 20), pairs, Hint.FINAL, 1.0)
    answer, ended = near.receive(far.take_output())

    assert (b"abc", (PAIR,)) == (answer.body, answer.metadata.pairs)
    assert (Status.ABORTED, "é" * 500, b"", Hint.FINAL, 1.0) == (
        ended.status,
        ended.message,
        ended.details,
        ended.hints,
        ended.retry_after_s,
    )
    assert (PAIR,) == ended.trailers.pairs


def test_a_call_that_streams_both_ways():
    """
    Messages go both ways until each side ends.
    """
    near, far = greeted()
    near.call(head(), None, "", ended=False)
    near.send(1, b"a")
    near.send(1, b"b", "zstd")
    opened, first, second = far.receive(near.take_output())
    assert (None, False) == (opened.body, opened.ended)
    assert [(b"a", ""), (b"b", "zstd")] == [(e.body, e.encoding) for e in (first, second)]

    far.start_response(1, PAIRS)
    far.send(1, b"c")
    started, message = near.receive(far.take_output())
    assert (PAIRS, b"c") == (started.metadata, message.body)

    near.end(1)
    assert [HalfClosed] == [type(event) for event in far.receive(near.take_output())]
    far.finish(1, Status.OK, trailers=PAIRS)
    (ended,) = near.receive(far.take_output())
    assert (Status.OK, PAIRS) == (ended.status, ended.trailers)


def test_a_first_message_with_the_head():
    """
    A stream's first message may come with its head; more follow.
    """
    near, far = greeted()
    near.call(head(), b"a", "", ended=False)
    near.send(1, b"b")
    near.end(1)
    opened, message, _ = far.receive(near.take_output())

    assert (b"a", False) == (opened.body, opened.ended)
    assert b"b" == message.body


def test_a_stream_without_messages():
    """
    A caller may end a stream before its first message.
    """
    near, far = greeted()
    near.call(head(), None, "", ended=True)
    (event,) = far.receive(near.take_output())

    assert (None, True) == (event.body, event.ended)


def test_one_way():
    """
    A one-way call is heard, and no frame of any kind answers it.
    """
    near, far = greeted()
    call_id = near.call(head(one_way=True), b"abc", "", ended=True)
    (event,) = far.receive(near.take_output())
    assert (True, b"abc") == (event.head.one_way, event.body)

    far.respond(call_id, b"")
    far.finish(call_id, Status.INTERNAL)
    far.cancel(call_id)
    near.cancel(call_id)
    assert b"" == far.take_output() + near.take_output()
    with pytest.raises(LocalProtocolError, match="one-way"):
        near.call(head(one_way=True), None, "", ended=False)


def test_one_way_takes_no_place():
    """
    One-way calls do not count as open, at either side.
    """
    near, far = greeted(server_limits=Limits(max_calls=1))
    for _ in range(3):
        near.call(head(one_way=True), b"", "", ended=True)
        near.call(head(), b"", "", ended=True)
        *_, event = far.receive(near.take_output())
        far.respond(event.call_id, b"")
        assert 1 == len(near.receive(far.take_output()))


def test_one_way_calls_are_bounded():
    """
    Those that work are counted by themselves; one too many is dropped, an end makes room.
    """
    near, far = greeted(server_limits=Limits(max_calls=2))

    def tell(count):
        for _ in range(count):
            near.call(head(one_way=True), b"", "", ended=True)
        return far.receive(near.take_output())

    first, _ = tell(3)
    assert 2 == far.open_calls
    assert [] == tell(1)
    far.finish(first.call_id, Status.INTERNAL)
    assert 1 == len(tell(2))
    assert b"" == far.take_output()


def test_a_one_way_call_cannot_be_cancelled():
    """
    Else its place would be free while it works.
    """
    machine = server(max_calls=1)
    machine.receive(request(1, flags=ONE_WAY | ENDED))

    assert [] == machine.receive(frame(CANCEL, call_id=1))
    assert [] == machine.receive(request(3, path=b"s/3", flags=ONE_WAY | ENDED))


def test_cancel_and_answer_cross():
    """
    An answer that crossed the cancel is dropped, and so is the cancel.
    """
    near, far = greeted()
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    near.cancel(1, "never mind")
    far.respond(1, b"")

    assert [] == far.receive(near.take_output())
    assert [] == near.receive(far.take_output())


def test_two_cancels_cross():
    """
    Both sides may give a call up at once.
    """
    near, far = greeted()
    near.call(head(), None, "", ended=False)
    far.receive(near.take_output())
    near.cancel(1)
    far.cancel(1)

    assert [] == far.receive(near.take_output())
    assert [] == near.receive(far.take_output())


def test_a_server_may_give_up():
    """
    A call that the server gives up is told to its caller with the reason.
    """
    near, far = greeted()
    near.call(head(), None, "", ended=False)
    far.receive(near.take_output())
    far.cancel(1, "enough")

    assert [("CallCancelled", "enough")] == [
        (type(event).__name__, event.reason) for event in near.receive(far.take_output())
    ]


@pytest.mark.parametrize("late", [MESSAGE, END, CANCEL, CREDIT])
@pytest.mark.parametrize("how", ["answered", "ended", "cancelled", "given up"])
def test_late_for_a_server(late, how):
    """
    Whatever a client says of a call that is over is dropped.
    """
    machine = server()
    machine.receive(request(1, flags=NO_MESSAGE))
    if how == "answered":
        machine.respond(1, b"")
    elif how == "ended":
        machine.finish(1, Status.ABORTED)
    elif how == "cancelled":
        machine.receive(frame(CANCEL, call_id=1))
    else:
        machine.cancel(1)
    machine.take_output()

    assert [] == machine.receive(frame(late, b"", b"\0\0\0\1", 1))
    assert b"" == machine.take_output()


@pytest.mark.parametrize("late", [RESPONSE, MESSAGE, END, CANCEL, CREDIT])
@pytest.mark.parametrize("how", ["answered", "ended", "cancelled", "given up"])
def test_late_for_a_client(late, how):
    """
    Whatever a server says of a call that is over is dropped.
    """
    machine = client()
    machine.call(head(), None, "", ended=False)
    if how == "given up":
        machine.cancel(1)
    else:
        kind = {"answered": RESPONSE, "ended": END, "cancelled": CANCEL}[how]
        machine.receive(frame(kind, call_id=1, flags=ENDED))
    machine.take_output()

    assert [] == machine.receive(frame(late, b"", b"\0\0\0\1", 1, flags=ENDED))
    assert b"" == machine.take_output()


def test_late_asks_are_dropped():
    """
    What is asked for a call that is over says nothing, and there is no room on it.
    """
    near, far = greeted()
    near.call(head(), None, "", ended=False)
    far.receive(near.take_output())
    far.finish(1, Status.ABORTED)
    near.receive(far.take_output())
    assert not near.send(1, b"x")
    near.end(1)
    near.cancel(1)
    near.consumed(1, 99)
    far.respond(1, b"x")
    far.start_response(1, PAIRS)
    far.send(1, b"x")
    far.finish(1, Status.OK)
    far.cancel(1)
    far.consumed(1, 99)

    assert b"" == near.take_output() + far.take_output()


def test_an_end_waits_for_credit_and_is_the_last():
    """
    A good end stands behind the messages; what is asked meanwhile is asked too late.
    """
    near, far = greeted(Limits(stream_window_bytes=20))
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    assert not far.send(1, b"abcd")
    far.send(1, b"efgh")
    far.finish(1, Status.OK, "good")
    far.finish(1, Status.INTERNAL, "bad")
    far.respond(1, b"bad")
    far.cancel(1, "bad")
    assert not far.send(1, b"bad")
    far.start_response(1, PAIRS)
    far.consumed(1, 99)

    (first,) = near.receive(far.take_output())
    near.consumed(1, first.cost)
    assert [] == far.receive(near.take_output())
    second, ended = near.receive(far.take_output())
    assert (b"abcd", b"efgh", "good") == (first.body, second.body, ended.message)


def test_an_end_waits_for_credit_more_than_once():
    """
    However often the reader must grant credit, the end comes after the last message.
    """
    near, far = greeted(Limits(stream_window_bytes=20))
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    for body in (b"aaaa", b"bbbb", b"cccc"):
        far.send(1, body)
    far.finish(1, Status.OK)
    heard = []
    for _ in range(4):
        for event in near.receive(far.take_output()):
            heard.append(type(event).__name__)
            near.consumed(1, getattr(event, "cost", 0))
        far.receive(near.take_output())

    assert ["MessageReceived"] * 3 + ["CallEnded"] == heard


def test_a_failure_overtakes_what_is_queued():
    """
    A failed stream ends now, not when its messages have been read.
    """
    near, far = greeted(Limits(stream_window_bytes=20))
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    far.send(1, b"abcd")
    far.send(1, b"efgh")
    far.finish(1, Status.ABORTED)

    assert ["MessageReceived", "CallEnded"] == names(near.receive(far.take_output()))


def test_what_waits_is_given_up_with_the_call():
    """
    A cancelled call's messages that wait for credit are never sent.
    """
    for end in (lambda m: m.cancel(1), lambda m: m.receive(frame(CANCEL, call_id=1))):
        near = client(field(36, b"\0\0\0\1"))
        near.call(head(), None, "", ended=False)
        near.send(1, b"abcd")
        near.send(1, b"efgh")
        near.take_output()
        end(near)
        near.take_output()
        near.receive(frame(CREDIT, b"", b"\0\0\1\0", 1))
        assert b"" == near.take_output()


def test_mistakes_of_this_side():
    """
    Asking for what makes no sense is refused, and says nothing to the peer.
    """
    near, far = greeted()
    near.call(head(), b"", "", ended=True)
    near.call(head(), None, "", ended=False)
    near.end(3)
    near.take_output()
    mistakes = [
        lambda: near.send(5, b""),
        lambda: near.send(2, b""),
        lambda: near.cancel(5),
        lambda: near.send(1, b""),
        lambda: near.end(1),
        lambda: near.send(3, b""),
        lambda: near.end(3),
        lambda: far.respond(1, b""),
        lambda: far.finish(1, Status.OK),
        lambda: far.cancel(0),
    ]
    for mistake in mistakes:
        with pytest.raises(LocalProtocolError):
            mistake()
    assert b"" == near.take_output() + far.take_output()


def test_too_large_to_send():
    """
    A body over a limit is refused with option, limit and size; the call is still open.
    """
    near, far = greeted(Limits(max_send_bytes=10), Limits(max_send_bytes=10))
    with pytest.raises(MessageTooLarge, match="11 bytes to send, over max_send_bytes of 10 bytes"):
        near.call(head(), bytes(11), "", ended=True)
    near.call(head(), None, "", ended=False)
    with pytest.raises(MessageTooLarge, match="11 bytes"):
        near.send(1, bytes(11))
    far.receive(near.take_output())
    for ask in (far.respond, far.send):
        with pytest.raises(MessageTooLarge, match="11 bytes"):
            ask(1, bytes(11))
    far.respond(1, bytes(10))

    assert ["ResponseReceived"] == names(near.receive(far.take_output()))


def test_too_large_for_the_peer():
    """
    An answer over what the client takes is refused here, by the client's option and limit.
    """
    near, far = greeted(Limits(max_receive_bytes=10))
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())

    match = "11 bytes to send, over the peer's max_receive_bytes of 10 bytes"
    with pytest.raises(MessageTooLarge, match=match):
        far.respond(1, bytes(11))
    assert b"" == far.take_output()


def test_leaving():
    """
    A server that leaves refuses new calls as not begun; open ones go on.
    """
    near, far = greeted()
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    far.drain("update")
    far.drain("again")
    near.call(head(), b"", "", ended=True)
    assert [] == far.receive(near.take_output())
    far.respond(1, b"abc")
    leaving, refused, answer = near.receive(far.take_output())

    assert ("update", b"abc") == (leaving.reason, answer.body)
    assert (3, Status.UNAVAILABLE, Hint.NOT_BEGUN) == (
        refused.call_id,
        refused.status,
        refused.hints,
    )


def test_leaving_names_the_last_call():
    """
    GOAWAY says which call was the last one taken.
    """
    machine = server()
    machine.receive(request(7))
    machine.drain("")

    assert [(GOAWAY, 7)] == kinds(machine)


def test_ids_run_out():
    """
    In time before its ids are used up a client asks for another connection; then it stops.
    """
    machine = client()
    machine._last_id = 0xFFFFFFFF - (1 << 24) - 2  # noqa: SLF001 - two billion calls ago
    machine.call(head(), b"", "", ended=True)
    machine.call(head(), b"", "", ended=True)
    answered, leaving = machine.receive(frame(RESPONSE, call_id=0xFF000001, flags=ENDED))
    assert (ResponseReceived, GoAwayReceived) == (type(answered), type(leaving))
    assert GOAWAY == kinds(machine)[-1][0]
    assert [] == machine.receive(frame(CREDIT, b"", b"\0\0\0\1", 0xFF000001))

    machine._last_id = 0xFFFFFFFF - 2  # noqa: SLF001 - sixteen million more
    assert 0xFFFFFFFF == machine.call(head(), b"", "", ended=True)
    with pytest.raises(Overloaded, match="used up") as caught:
        machine.call(head(), b"", "", ended=True)
    assert Hint.NEVER_SENT == caught.value.hints


def test_calls_after_a_failure():
    """
    A call on a connection that has failed was surely never sent: it may go elsewhere.
    """
    machine = client()
    machine.call(head(), None, "", ended=False)
    machine.fail("enough")
    machine.take_output()
    with pytest.raises(ConnectionLost) as caught:
        machine.call(head(), b"", "", ended=True)
    machine.send(1, b"")
    machine.cancel(1)

    assert Hint.NEVER_SENT == caught.value.hints
    assert b"" == machine.take_output()


def test_a_unary_call_is_one_event_on_each_side():
    """
    The fast path: a request is one event, and so is its answer.
    """
    near, far = greeted()
    near.call(head(), b"a", "", ended=True)
    assert [RequestReceived] == [type(event) for event in far.receive(near.take_output())]
    far.respond(1, b"b")
    assert [ResponseReceived] == [type(event) for event in near.receive(far.take_output())]


def test_a_whole_request_may_be_answered_by_a_stream():
    """
    A whole request is answered by messages as well as by one response.
    """
    near, far = greeted()
    near.call(head(), b"a", "", ended=True)
    far.receive(near.take_output())
    far.start_response(1, PAIRS)
    far.send(1, b"b")
    far.finish(1, Status.OK)

    assert [ResponseStarted, CallEnded] == [
        type(event) for event in near.receive(far.take_output()) if not hasattr(event, "cost")
    ]


def test_cancel_of_a_unary_call():
    """
    A server hears that a caller has given up, with the reason.
    """
    near, far = greeted()
    near.call(head(), b"a", "", ended=True)
    far.receive(near.take_output())
    near.cancel(1, "too slow")
    (event,) = far.receive(near.take_output())

    assert (CallCancelled, "too slow") == (type(event), event.reason)


def test_one_way_is_heard_while_leaving():
    """
    One-way calls cannot be refused, so a server that leaves still hears them.
    """
    machine = server()
    machine.drain("")
    events = machine.receive(request(1, flags=ONE_WAY | ENDED))

    assert ["RequestReceived"] == names(events)
