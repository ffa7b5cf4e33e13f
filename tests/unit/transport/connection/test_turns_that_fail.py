"""
Turns that end in an unusual way: nothing that was read is lost, and nothing hangs.
"""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from rpcfw.testing.lab_time import LabClock
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.connection.keepalive import Keepalive
from rpcfw.transport.connection.postponed import Postponed
from rpcfw.transport.connection.turns import BUNCH, TURN_BYTES, TURN_EVENTS
from tests.unit.transport.connection.test_turns import Large, Socket, requests, server, turns
from tests.unit.transport.ends import Ear, Ends, Keeper, keep, machine_of
from tests.unit.wire.speech import MESSAGE, frame, request

MAX = 10_000


class Buggy(Keeper):
    """
    An owner that fails at one call.
    """

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self.fails_at = fails_at

    def accept(self, driver, event) -> None:
        if event.call_id == self.fails_at:
            raise ZeroDivisionError
        super().accept(driver, event)


class Keeping(Keeper):
    """
    An owner whose answers wait for room.
    """

    def accept(self, driver, event) -> None:
        self.requests.append(event)
        machine_of(driver).unsent_bytes = 2 * MAX
        driver.respond(event.call_id, b"x")


def ids(keeper: Keeper) -> list[int]:
    return [each.call_id for each in keeper.requests]


def test_an_action_that_fails_in_a_later_turn():
    """
    The connection ends, as it does if that happens in the turn that read.

    It would else wait for ever, for a turn that nobody asks for.
    """
    clock, socket = LabClock(), Socket()
    keeper = Buggy(fails_at=2 * TURN_EVENTS + 1)
    driver = server(clock, keeper, socket)
    driver.dataReceived(requests(3 * TURN_EVENTS))
    with pytest.raises(ZeroDivisionError):
        turns(clock)

    assert socket.aborted
    assert "closed" == keeper.told[-1][0]
    assert [] == clock.getDelayedCalls()


def test_a_listener_that_fails_as_the_connection_is_lost():
    """
    The others are told of the end all the same.
    """
    ends = Ends(answers=False)
    active_captures = [ends.ask() for _ in range(2 * TURN_EVENTS)]
    waiting = ends.ask()
    ends.turn()
    for each in ends.server_keeper.requests[:-1]:
        machine_of(ends.far).respond(each.call_id, b"cba")
    data = machine_of(ends.far).take_output()
    ends.near.dataReceived(data)
    active_captures[-1].responded = lambda event: 1 / 0
    gone: list = []
    ends.client_keeper.disconnected = gone.append
    with pytest.raises(ZeroDivisionError):
        ends.near.connectionLost(Failure(ConnectionDone()))

    assert 1 == len(waiting.heard)
    assert [ends.near] == gone
    assert "closed" == ends.client_keeper.told[-1][0]


def test_a_refusal_between_turns_is_written():
    """
    Calls that are refused as a turn ends hear of it then, and not with the next bytes.
    """
    clock, socket = LabClock(), Socket()
    driver = server(clock, Keeping(), socket, BufferQuota(1 << 30, MAX))
    driver.dataReceived(requests(BUNCH + 40))

    assert b"max_connection_buffered_bytes" in b"".join(socket.written)
    assert b"" == machine_of(driver).take_output()


class Freeing(Ear):
    """
    Hears a message, says much about it, and makes room by what it does next.
    """

    def __init__(self, driver) -> None:
        super().__init__()
        self.driver = driver

    def message(self, event) -> None:
        super().message(event)
        self.driver.respond(3, bytes(TURN_BYTES))
        machine_of(self.driver).unsent_bytes = 0


def test_room_that_is_made_at_the_end_of_a_turn():
    """
    Neither the calls that waited for it nor what else was read in this turn is lost.
    """
    clock, keeper = LabClock(), Keeper(answers=False)
    driver = server(clock, keeper, Socket(), BufferQuota(1 << 30, MAX))
    driver.dataReceived(request(1, b"x", b"s/m", flags=0) + requests(1, first=3))
    ear = driver.listeners[1] = Freeing(driver)
    keep(driver, 2 * MAX)
    driver.dataReceived(requests(1, first=5))
    assert [1, 3] == ids(keeper)
    driver.dataReceived(frame(MESSAGE, body=b"a", call_id=1) + frame(MESSAGE, body=b"b", call_id=1))
    turns(clock, 3)

    assert [b"a", b"b"] == ear.heard
    assert [1, 3, 5] == ids(keeper)


def test_a_turn_for_which_nothing_is_left():
    """
    It changes nothing, least of all when the peer was last heard.
    """
    clock, keeper = LabClock(), Large(1)
    driver = server(clock, keeper, Socket(), BufferQuota(1 << 30, MAX))
    clock.rightNow += 5
    driver.dataReceived(requests(TURN_EVENTS + 1))
    keep(driver, 2 * MAX)
    driver.pauseProducing()
    driver.resumeProducing()
    turns(clock)

    assert TURN_EVENTS == len(keeper.requests)
    assert 5 == driver.received_at


def test_messages_that_wait_behind_answers_are_gone_through_once(monkeypatch):
    """
    Each turn costs what it does, and not what is left for later ones.
    """
    looked_at: list[int] = []
    due = Postponed.due

    def counting(self, events, machine):
        looked_at.append(len(events))
        return due(self, events, machine)

    monkeypatch.setattr(Postponed, "due", counting)
    clock = LabClock()
    driver = server(clock, Keeper(answers=False), Socket(), BufferQuota(1 << 30, 1 << 20))
    driver.dataReceived(request(1, b"x", b"s/m", flags=0))
    ear = driver.listeners[1] = Ear()
    keep(driver, 2 << 20)
    count = 10 * TURN_EVENTS
    driver.dataReceived(b"".join([frame(MESSAGE, call_id=1)] * count))
    turns(clock, 20)

    assert count == len(ear.heard)
    assert sum(looked_at) <= 2 * count


def test_a_close_whose_last_words_are_too_many():
    """
    A connection that is cut off for them ends once.
    """
    clock, socket, keeper = LabClock(), Socket(), Keeper(answers=False)
    driver = server(clock, keeper, socket, BufferQuota(10))
    driver.pauseProducing()
    for _ in range(500):
        machine_of(driver).ping()
    driver.close("enough")
    driver.connectionLost(Failure(ConnectionDone()))

    assert 1 == sum(told[0] == "closed" for told in keeper.told)
    assert socket.aborted
    assert [] == clock.getDelayedCalls()


def test_a_closed_connection_that_does_not_take_its_last_words():
    """
    It is cut off like any other, at once, if all of them keep too much.
    """
    clock, unsent = LabClock(), BufferQuota(1 << 20)
    sockets = [Socket(takes=100) for _ in range(2)]
    first, second = [server(clock, Large(800_000), socket, unsent) for socket in sockets]
    first.dataReceived(requests(1))
    first.close("enough")
    second.dataReceived(requests(1))

    assert sockets[0].aborted
    assert not sockets[1].aborted


def test_a_client_that_closes_while_answers_wait_for_their_turn():
    """
    What came before the close is still told to the calls that it answers.
    """
    ends = Ends(answers=False)
    active_captures = [ends.ask() for _ in range(2 * TURN_EVENTS)]
    ends.turn()
    for each in ends.server_keeper.requests:
        machine_of(ends.far).respond(each.call_id, b"cba")
    ends.near.dataReceived(machine_of(ends.far).take_output())
    ends.near.close("enough")

    assert [[b"cba"]] * len(active_captures) == [ear.heard for ear in active_captures]


def test_a_close_while_nothing_is_read():
    """
    Reading goes on, to see that the peer closes as well: over TLS it has to say so.
    """
    socket = Socket(takes=100)
    driver = server(LabClock(), Large(200), socket)
    driver.dataReceived(requests(1))
    assert not socket.reading
    driver.close("enough")
    assert socket.reading
    driver.abort("enough")


def test_a_frame_whose_rest_is_not_read():
    """
    A client that is slow to read has not been slow to send: it keeps its connection.
    """
    clock, socket = LabClock(), Socket(takes=100)
    driver = server(clock, Large(200), socket)
    watch = Keepalive(driver, clock, 0, 0, frame_s=60.0)
    driver.dataReceived(requests(1) + requests(1, first=3)[:-1])
    for _ in range(10):
        clock.advance(30)
    assert not socket.aborted
    socket.drain()
    for _ in range(4):
        clock.advance(30)
    assert socket.aborted
    watch.stop()
