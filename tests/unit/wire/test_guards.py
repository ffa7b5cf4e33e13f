"""
Guards: a hostile peer is cut off, a busy or idle one never.
"""

from __future__ import annotations

from rpcfw.spi.pauses import Pauses
from tests.unit.wire.speech import (
    CANCEL,
    NO_MESSAGE,
    PING,
    client,
    fault,
    frame,
    head,
    request,
    server,
)


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
