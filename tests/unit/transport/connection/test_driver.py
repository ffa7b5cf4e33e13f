"""
The driver: one write a turn, one end a call, and a socket that goes in time.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from rpcfw.errors import ConnectionLost, Unimplemented
from rpcfw.spi.events import GoAwayReceived
from rpcfw.spi.machine import Limits
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.connection import LINGER_S
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.turns import BUNCH
from tests.unit.transport.ends import Ear, Ends, Keeper, UnaryEar, flush, head, machine_of, native
from tests.unit.wire.speech import FAILED, GOAWAY, PING, frame, frames, hello, request


class Socket(StringTransport):
    """
    A transport that counts its writes and can be aborted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.lost = self.aborted = False
        self.takes_all = True

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        if not self.takes_all:
            self.producer.pauseProducing()

    def loseConnection(self) -> None:
        assert self.producer is None, "a paused producer would keep the socket open"
        self.lost = True

    def abortConnection(self) -> None:
        self.aborted = True


def server(clock: Clock, keeper: Keeper, **limits: int) -> tuple[Driver, Socket]:
    """
    Return a greeted server's driver on a socket with nothing written.
    """
    driver = Driver(native().server(Limits(**limits), ()), keeper, clock, True, 10.0)
    socket = Socket()
    driver.makeConnection(socket)
    driver.dataReceived(hello())
    socket.writes.clear()
    return driver, socket


def test_a_call_and_its_answer():
    """
    A request reaches the other end's owner, its answer the listener.
    """
    ends = Ends()
    ear = ends.ask(b"abc")
    ends.turn()

    assert [b"cba"] == ear.heard
    assert {} == ends.near.listeners


def test_one_write_for_a_bunch_that_is_read_at_once():
    """
    The answers to what one read has brought leave in one write for each bunch of them.
    """
    driver, socket = server(Clock(), Keeper())
    data = b"".join(request(number, b"x", b"s/%d" % number) for number in range(1, 101, 2))
    driver.dataReceived(data)

    assert [BUNCH, BUNCH, BUNCH, 50 - 3 * BUNCH] == [len(frames(each)) for each in socket.writes]


def test_what_is_said_at_other_times_is_written_at_once():
    """
    Between reads, each thing said is written then and there.
    """
    driver, socket = server(Clock(), Keeper(answers=False))
    driver.dataReceived(request(1))
    assert [] == socket.writes
    driver.respond(1, b"")

    assert 1 == len(socket.writes)


def test_one_ping_at_a_time():
    """
    A peer that has sent nothing since it was pinged is not pinged again: it owes an answer.
    """
    clock = Clock()
    driver, socket = server(clock, Keeper())
    for _ in range(3):
        clock.advance(1)
        driver.ping()
    assert [PING] == [each[0] for data in socket.writes for each in frames(data)]
    clock.advance(1)
    driver.dataReceived(frame(PING))
    socket.writes.clear()
    driver.ping()

    assert 1 == len(socket.writes)


def test_nothing_is_written_when_there_is_nothing_to_say():
    """
    A flush without output does not touch the socket.
    """
    driver, socket = server(Clock(), Keeper())
    flush(driver)
    driver.dataReceived(frame(0x80))

    assert [] == socket.writes


def test_an_abandoned_call_hears_nothing_more():
    """
    The peer is told; an answer on its way is dropped.
    """
    ends = Ends(answers=False)
    ear = ends.ask()
    ends.turn()
    ends.far.respond(1, b"late")
    ends.near.cancel(1, "too slow")
    ends.near.cancel(1, "again")
    ends.turn()

    assert [] == ear.heard


def test_an_abandoned_call_is_cancelled_there():
    """
    The other end's listener hears that the call was given up, and why.
    """
    ends = Ends(answers=False)
    ends.ask()
    ends.turn()
    there = ends.far.listeners[1] = Ear()
    ends.near.cancel(1, "too slow")
    ends.turn()

    (error,) = there.heard
    assert (Status.CANCELLED, "too slow") == (error.status, error.message)


@pytest.mark.parametrize("how", ["cut", "closed here", "closed there", "aborted"])
def test_the_end_of_a_connection_is_told_once(how):
    """
    Every call hears once that the connection is gone; what was sent may have been begun.
    """
    ends = Ends(answers=False)
    active_captures = [ends.ask() for _ in range(3)]
    ends.turn()
    if how == "cut":
        ends.network.connections[0].cut()
    elif how == "closed there":
        ends.far.close("bye")
    else:
        (ends.near.close if how == "closed here" else ends.near.abort)("enough")
    ends.turn()

    for ear in active_captures:
        (error,) = ear.heard
        assert isinstance(error, ConnectionLost)
        assert Hint.NONE == error.hints
    for keeper in (ends.client_keeper, ends.server_keeper):
        assert 1 == sum(told[0] == "closed" for told in keeper.told)
    assert [] == ends.network.connections
    assert [] == ends.clock.getDelayedCalls()


def test_the_owner_hears_of_the_end_first():
    """
    A call that begins anew as it hears of the end finds an owner that knows.
    """
    ends = Ends(answers=False)
    known = []

    class Anew(Ear):
        def lost(self, error):
            known.extend(ends.client_keeper.told)

    ends.near.request(head(), b"", "", Anew())
    ends.network.connections[0].cut()

    assert "closed" == known[-1][0]


@pytest.mark.parametrize("end", ["close", "abort", "cut"])
def test_a_call_on_what_has_ended(end):
    """
    A call on a connection that has ended fails at once, and was surely never sent.
    """
    ends = Ends()
    if end == "cut":
        ends.network.connections[0].cut()
    else:
        getattr(ends.near, end)("enough")

    with pytest.raises(ConnectionLost) as caught:
        ends.ask()
    assert Hint.NEVER_SENT == caught.value.hints
    assert {} == ends.near.listeners
    ends.near.drain("too late")
    ends.near.close("again")
    ends.near.abort("again")
    ends.turn()


def test_the_last_word_is_written_before_the_end():
    """
    The reason reaches the peer, then the socket is closed, without its producer.
    """
    keeper = Keeper()
    driver, socket = server(Clock(), keeper)
    socket.takes_all = False
    driver.dataReceived(frame(PING) + frame(0x7F))

    assert FAILED == frames(socket.writes[-1])[-1][0]
    assert socket.lost
    assert "frame kind 127" in keeper.told[-1][1]


def test_why_a_peer_broke_off():
    """
    The listeners of the other end are told the reason that its peer gave.
    """
    ends = Ends(answers=False)
    ear = ends.ask()
    ends.turn()
    ends.far.fail("you are too loud")
    ends.turn()

    assert "you are too loud" in ear.heard[0].message


def test_a_peer_that_does_not_read_the_last_word():
    """
    A closed connection that cannot write what it has is aborted after a while.
    """
    clock, keeper = Clock(), Keeper()
    driver, socket = server(clock, keeper)
    driver.close("enough")
    driver.close("again")

    assert [("closed", "enough")] == keeper.told[-1:]
    clock.advance(LINGER_S - 0.1)
    assert not socket.aborted
    clock.advance(0.1)
    assert socket.aborted


@pytest.mark.parametrize("said", [b"", b"\xf7\x52", hello()[:-1]])
def test_a_peer_that_does_not_greet(said):
    """
    Who has not said a whole HELLO in time is cut off, however much of it came.
    """
    clock, keeper = Clock(), Keeper()
    driver = Driver(native().server(Limits(), ()), keeper, clock, True, 10.0)
    socket = Socket()
    driver.makeConnection(socket)
    for number in range(len(said)):
        driver.dataReceived(said[number : number + 1])
        clock.advance(0.1)
    clock.advance(10)

    assert socket.aborted
    reason = "the handshake was not completed within handshake_timeout of 10 s"
    assert ("closed", reason) == keeper.told[-1]


def test_a_peer_that_greets_in_time_may_be_idle():
    """
    After its HELLO a peer may be silent for as long as the owner likes.
    """
    clock = Clock()
    _, socket = server(clock, Keeper())
    clock.advance(1e6)

    assert not socket.aborted
    assert [] == clock.getDelayedCalls()


def test_a_server_stops_reading_while_its_peer_does_not_read():
    """
    A client that takes no answers is read no further, until it takes them.
    """
    driver, socket = server(Clock(), Keeper())
    driver.pauseProducing()
    assert "paused" == socket.producerState
    driver.resumeProducing()
    assert "producing" == socket.producerState


def test_a_client_goes_on_reading():
    """
    A client always reads: if both ends stopped, neither would begin again.
    """
    driver = Driver(native().client(Limits(), ()), Keeper(), Clock())
    socket = Socket()
    driver.makeConnection(socket)
    driver.pauseProducing()

    assert "producing" == socket.producerState


def test_writers_wait_for_the_socket():
    """
    A full socket holds all writers up; they go on together when it is writable.
    """
    driver, _ = server(Clock(), Keeper())
    assert spawn(driver.when_writable()).called
    driver.pauseProducing()
    waiting = [spawn(driver.when_writable()) for _ in range(3)]
    waiting[0].cancel()
    waiting[0].addErrback(lambda _: None)
    assert not waiting[1].called
    driver.resumeProducing()

    assert waiting[1].called
    assert waiting[2].called


def test_writers_do_not_wait_for_what_is_gone():
    """
    The end of a connection lets its writers go on, to hear of it.
    """
    driver, _ = server(Clock(), Keeper())
    driver.pauseProducing()
    waiting = spawn(driver.when_writable())
    driver.abort("gone")

    assert waiting.called


def test_a_client_that_never_reads_takes_bounded_memory():
    """
    For a client that reads no answers only a socket's buffer of them is kept.
    """
    ends = Ends()
    ends.near.transport.pauseProducing()
    for _ in range(100):
        ends.ask(bytes(10_000))
        ends.turn(1)

    assert len(ends.server_keeper.requests) < 10
    ends.near.transport.resumeProducing()
    ends.turn(300)
    assert 100 == len(ends.server_keeper.requests)
    assert {} == ends.near.listeners


def test_a_peer_that_leaves():
    """
    The owner is told, and so are the calls that were surely not begun.
    """
    ends = Ends(answers=False)
    active_captures = [ends.ask(), ends.ask()]
    Driver.ACTIONS[GoAwayReceived](
        ends.near, GoAwayReceived("update", (3,))
    )  # another wire's event

    assert [("leaving", "update")] == ends.client_keeper.told[-1:]
    assert [] == active_captures[0].heard
    assert (Status.UNAVAILABLE, Hint.NOT_BEGUN) == (
        active_captures[1].heard[0].status,
        active_captures[1].heard[0].hints,
    )
    assert [1] == list(ends.near.listeners)


def test_leaving_is_said():
    """
    Both ends may tell each other that they leave.
    """
    driver, socket = server(Clock(), Keeper())
    driver.drain("update")

    assert [GOAWAY] == [f[0] for f in frames(socket.writes[0])]


# A whole answer, in however many events.


def asked(answer) -> tuple[UnaryEar, list]:
    """
    Return the ear of a unary call that was answered so, and what its server heard.
    """
    ends = Ends(answers=False)
    ear, there = UnaryEar(), Ear()
    ends.near.request(head(), b"", "", ear)
    ends.turn()
    ends.far.listeners[1] = there
    answer(machine_of(ends.far))
    flush(ends.far)
    ends.turn()
    assert {} == ends.near.listeners
    assert "closed" not in [told[0] for told in ends.client_keeper.told]
    return ear, there.heard


def test_an_answer_in_pieces():
    """
    Begin, message and good end are one answer to a unary call.
    """

    def answer(machine):
        machine.start_response(1, head().metadata.plus({"a": "b"}))
        machine.send(1, b"abc")
        machine.finish(1, Status.OK, trailers=head().metadata.plus({"c": "d"}))

    ear, _ = asked(answer)
    (event,) = ear.heard
    assert (b"abc", (("a", "b"),)) == (event.body, event.metadata.pairs)
    assert (("c", "d"),) == event.trailers.pairs


def test_an_answer_of_two_messages():
    """
    A stream where one answer was awaited fails the call, and the server is told.
    """

    def answer(machine):
        machine.send(1, b"a")
        machine.send(1, b"b")

    ear, there = asked(answer)
    assert [Unimplemented] == [type(error) for error in ear.heard]
    assert "the method answers with a stream" in there[0].message


def test_an_answer_of_none():
    """
    A good end without a message is no answer.
    """
    ear, _ = asked(lambda machine: machine.finish(1, Status.OK))

    assert [Unimplemented] == [type(error) for error in ear.heard]


def test_a_message_and_a_bad_end():
    """
    A failure is a failure, whatever came before it.
    """

    def answer(machine):
        machine.send(1, b"a")
        machine.finish(1, Status.ABORTED, "no", hints=Hint.FINAL)

    ear, _ = asked(answer)
    (error,) = ear.heard
    assert (Status.ABORTED, "no", Hint.FINAL) == (error.status, error.message, error.hints)


def test_what_nobody_awaits_ends_its_call_alone():
    """
    A listener that takes no messages makes its own call fail, not the connection.
    """

    class Deaf(Ear):
        def message(self, event):
            super(Ear, self).message(event)

        def responded(self, event):
            super(Ear, self).responded(event)

    ends = Ends(answers=False)
    active_captures = [Deaf(), Deaf()]
    for ear in active_captures:
        ends.near.request(head(), b"", "", ear)
    ends.turn()
    ends.far.send(1, b"a")
    ends.far.respond(3, b"a")
    ends.turn()

    assert [[Unimplemented], [Unimplemented]] == [
        [type(e) for e in ear.heard] for ear in active_captures
    ]
    assert 1 == len(ends.network.connections)


def test_frames_for_nobody():
    """
    What comes for a call without a listener is dropped.
    """
    ends = Ends(answers=False)
    ear = ends.ask()
    ends.turn()
    ends.near.listeners.clear()
    machine = machine_of(ends.far)
    machine.start_response(1, head().metadata)
    machine.send(1, b"")
    machine.finish(1, Status.OK)
    flush(ends.far)
    ends.turn()

    assert [] == ear.heard
    assert 1 == len(ends.network.connections)
