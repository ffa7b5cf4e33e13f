"""
Guards: a hostile peer is cut off, a busy or idle one never.
"""

from __future__ import annotations

from rpcfw.spi.events import ConnectionFailed
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.status import Status
from tests.unit.wire.speech import (
    CANCEL,
    CREDIT,
    END,
    ENDED,
    GOAWAY,
    MESSAGE,
    NO_MESSAGE,
    PING,
    PONG,
    RESPONSE,
    client,
    fault,
    frame,
    head,
    request,
    server,
)


def names(events: list) -> list[str]:
    """
    Return the kinds of events.
    """
    return [type(each).__name__ for each in events]


def reset(call_id: int) -> bytes:
    """
    Return a call that is given up in the breath that opens it.
    """
    return request(call_id, path=b"s/%d" % call_id) + frame(CANCEL, call_id=call_id)


def test_calls_cancelled_at_once():
    """
    So many calls opened and cancelled in one breath are borne, and not one more.
    """
    machine = server(max_resets=3)
    for number in range(3):
        machine.receive(reset(2 * number + 1))

    reason = machine.receive(reset(7))[-1].reason
    assert "4 calls opened and cancelled at once; max_resets is 3" == reason


def test_calls_that_end_make_up_for_it():
    """
    A peer whose calls run to their end may also cancel some at once.
    """
    machine = server(max_resets=3)
    for number in range(0, 40, 2):
        call_id = 2 * number + 1
        machine.receive(request(call_id, path=b"s/%d" % call_id))
        machine.respond(call_id, b"")
        assert 2 == len(machine.receive(reset(call_id + 2)))


def test_later_cancels_are_no_harm():
    """
    Calls cancelled after the breath that opened them are not counted: deadlines pass.
    """
    machine = server(max_resets=3)
    for number in range(40):
        call_id = 2 * number + 1
        machine.receive(request(call_id, path=b"s/%d" % call_id))
        machine.receive(frame(CANCEL, call_id=call_id))


def test_late_cancels_are_no_harm():
    """
    A cancel for a call that was refused in the same breath is not counted.
    """
    machine = server(max_resets=0, max_calls=1)
    machine.receive(request(1, flags=NO_MESSAGE))

    assert [] == machine.receive(reset(3) + reset(5))


def test_pings_and_nothing_else():
    """
    A flood of pings is cut off.
    """
    machine = server(max_pings=100)

    assert [] == machine.receive(frame(PING) * 101)
    assert "max_pings is 100" in fault(machine.receive(frame(PING) * 2))


def test_messages_make_up_for_pings():
    """
    Pings between calls that are served are not counted for ever.
    """
    machine = server(max_pings=100)
    for number in range(10):
        call_id = 2 * number + 1
        machine.receive(frame(PING) * 90 + request(call_id, path=b"s/%d" % call_id))
        machine.respond(call_id, b"")


def test_an_idle_connection_is_kept_alive():
    """
    Pings that come one by one keep an idle connection for years, at either side.
    """
    machines = [server(max_pings=100), client(max_pings=100)]
    machines[1].call(head(), b"", "", ended=True)
    for machine in machines:
        for _ in range(10_000):
            assert [] == machine.receive(frame(PING))
            machine.take_output()


def test_what_an_honest_peer_did_in_a_pause():
    """
    After a pause a breath may hold as much more as was lost, and then counts as ever.
    """
    pauses = Pauses()
    machine = server(max_resets=3, pauses=pauses)
    pauses.add(2.01)
    # 3 at once, and 10 times as many for each second.
    ids = range(1, 2 * (3 + 60) + 1, 2)
    events = machine.receive(b"".join(reset(call_id) for call_id in ids))
    assert 2 * len(ids) == len(events)
    machine.take_output()

    reason = machine.receive(reset(201))[-1].reason
    assert reason.endswith("max_resets is 3")


def test_pings_that_waited_in_a_pause():
    """
    Pings of a peer that kept asking while this process was away are answered.
    """
    pauses = Pauses()
    machine = server(max_pings=3, pauses=pauses)
    pauses.add(1.0)
    pings = frame(PING, body=b"?") * 30
    assert [] == machine.receive(pings)
    assert "max_pings is 3" in fault(machine.receive(pings))


def test_frames_that_move_no_call_are_bounded():
    """
    Whoever sends nothing but frames without use is cut off, whatever their kind.
    """
    floods = {
        "pong": frame(PONG),
        "goaway": frame(GOAWAY),
        "optional": frame(0x80),
        "huge optional": frame(0x80, b"x" * 60_000),
        "cancel": frame(CANCEL, call_id=1),
        "credit": frame(CREDIT, b"", b"\x00\x00\x00\x01", 1),
        "end": frame(END, call_id=1),
        "message": frame(MESSAGE, call_id=1),
    }
    for name, flood in floods.items():
        machine = server(max_pings=3)
        machine.receive(request(1))
        machine.respond(1, b"")
        assert not fault_of(machine.receive(flood * 30)), name
        assert "advance no call" in fault_of(machine.receive(flood * 30)), name


def test_responses_to_cancelled_calls():
    """
    A server that was paused answers what was cancelled meanwhile: the connection stays.

    Whatever comes of these calls after that counts as before.
    """
    machine = client(max_calls=1, max_pings=1)
    late = b""
    for number in range(100):
        call_id = machine.call(head(), b"", "", ended=True)
        machine.cancel(call_id)
        late += frame((RESPONSE, END)[number % 2], call_id=call_id, flags=ENDED)

    assert not fault_of(machine.receive(late))
    assert "advance no call" in fault_of(machine.receive(late))


def fault_of(events: list) -> str:
    """
    Return the reason if the connection has failed, else nothing.
    """
    return next((each.reason for each in events if isinstance(each, ConnectionFailed)), "")


def test_a_flood_of_credit_for_an_open_call():
    """
    Credit that follows on nothing that was sent moves nothing.
    """
    machine = server(max_pings=3)
    machine.receive(request(1, flags=NO_MESSAGE))
    credit = frame(CREDIT, b"", b"\x00\x00\x00\x01", 1)

    assert [] == machine.receive(credit * 30)
    assert "advance no call" in fault(machine.receive(credit * 30))


def test_a_flood_of_credit_for_a_unary_call():
    """
    A unary call has no window: credit for one that is open moves nothing, at either end.
    """
    credit = frame(CREDIT, b"", b"\x00\x00\x00\x01", 1)
    serving, calling = server(max_pings=3), client(max_pings=3)
    serving.receive(request(1))
    calling.call(head(), b"", "", True)

    for machine in (serving, calling):
        assert [] == machine.receive(credit * 30)
        assert "advance no call" in fault(machine.receive(credit * 30))


def test_a_response_starts_once():
    """
    A server cannot start the response of a call again and again.
    """
    machine = client()
    machine.call(head(), b"", "", True)
    start = frame(RESPONSE, call_id=1)

    assert ["ResponseStarted"] == names(machine.receive(start))
    assert "a second RESPONSE" in fault(machine.receive(start))


def test_credit_for_what_was_sent_is_no_harm():
    """
    A reader of an endless stream sends nothing but credit, and is never cut off.
    """
    machine = server(max_pings=0)
    machine.receive(request(1, flags=NO_MESSAGE))
    for _ in range(200):
        machine.send(1, b"x")
        assert [] == machine.receive(frame(CREDIT, b"", b"\x00\x00\x00\x11", 1))
        assert not fault_of(machine.receive(frame(0x80)))


def test_a_pong_that_was_asked_for():
    """
    Answers to pings are no harm, however many.
    """
    machine = server(max_pings=0)
    for _ in range(50):
        machine.ping()
        machine.take_output()
        assert ["PingAnswered"] == names(machine.receive(frame(PONG)))
    assert "advance no call" in fault_of(machine.receive(frame(PONG) * 2))


def test_a_peer_leaves_once():
    """
    The word is told the first time.
    """
    machine = server()

    assert ["GoAwayReceived"] == names(machine.receive(frame(GOAWAY) * 2))


def test_cancels_that_cross_the_answers_are_no_harm():
    """
    When the time of thousands of calls is over at once, both ends say so of each.
    """
    machine = server(max_calls=3000, max_pings=3)
    ids = range(1, 6001, 2)
    for call_id in ids:
        machine.receive(request(call_id, path=b"s"))
    for call_id in ids:
        machine.finish(call_id, Status.DEADLINE_EXCEEDED)
    cancels = b"".join(frame(CANCEL, call_id=call_id) for call_id in ids)

    assert [] == machine.receive(cancels)


def test_messages_that_cross_the_end_are_no_harm():
    """
    What a client had credit for may come when the server has ended the call already.
    """
    machine = server(max_pings=0, stream_window_bytes=17_000)
    machine.receive(request(1, flags=NO_MESSAGE))
    machine.respond(1, b"enough")
    message = frame(MESSAGE, b"", b"x", 1)

    assert [] == machine.receive(message * 1000)
    assert "advance no call" in fault(machine.receive(message * 20))


def test_answers_that_cross_the_cancels_are_no_harm():
    """
    A client that gives thousands of calls up at once hears their answers all the same.
    """
    machine = client(max_pings=0)
    ids = []
    for _ in range(2000):
        ids.append(machine.call(head(), b"", "", ended=True))
        machine.cancel(ids[-1])
    answers = b"".join(frame(RESPONSE, call_id=call_id, flags=ENDED) for call_id in ids)

    assert [] == machine.receive(answers)
