"""
One connection does so much in a turn, and keeps so much for a peer that does not read.
"""

from __future__ import annotations

import asyncio

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from rpcfw.spi.machine import Limits
from rpcfw.testing.lab_time import LabClock
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.keepalive import Keepalive
from rpcfw.transport.connection.turns import BUNCH, TURN_BYTES, TURN_EVENTS, TURN_S
from tests.unit.transport.ends import Ends, Keeper, machine_of, native
from tests.unit.wire.speech import CANCEL, ENDED, ONE_WAY, frame, hello, request


class Socket(StringTransport):
    """
    A transport that takes so many bytes, and knows whether it is read from.
    """

    def __init__(self, takes: int = 1 << 40) -> None:
        super().__init__()
        self.takes = takes
        self.written: list[bytes] = []
        self.reading = True
        self.aborted = self.lost = False

    @property
    def size(self) -> int:
        return sum(map(len, self.written))

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if self.size > self.takes and self.producer is not None:
            self.producer.pauseProducing()

    def drain(self) -> None:
        self.written.clear()
        self.producer.resumeProducing()

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def loseConnection(self) -> None:
        self.lost = True

    def abortConnection(self) -> None:
        self.aborted = True


class Large(Keeper):
    """
    An owner that answers with many bytes.
    """

    def __init__(self, size: int, clock: LabClock | None = None, takes_s: float = 0.0) -> None:
        super().__init__()
        self.size = size
        self.clock, self.takes_s = clock, takes_s
        self.received_at: list[float] = []

    def accept(self, driver, event) -> None:
        self.requests.append(event)
        self.received_at.append(driver.received_at)
        if self.clock is not None:
            self.clock.rightNow += self.takes_s
        if not event.head.one_way:
            driver.respond(event.call_id, bytes(self.size))


def server(clock: LabClock, keeper: Keeper, socket: Socket, unsent=None) -> Driver:
    """
    Return a greeted server's driver on a socket with nothing written.
    """
    driver = Driver(native().server(Limits(), ()), keeper, clock, True, 10.0, unsent)
    driver.makeConnection(socket)
    driver.dataReceived(hello())
    socket.written.clear()
    return driver


def turns(clock: LabClock, count: int = 1) -> None:
    """
    Let the reactor go round: what is asked for within a turn waits for the next one.
    """
    for _ in range(count):
        if clock.calls:
            clock.turn()


def requests(count: int, first: int = 1, flags: int = ENDED) -> bytes:
    """
    Return so many requests.
    """
    ids = range(first, first + 2 * count, 2)
    return b"".join(request(number, b"x", b"s/m", flags=flags) for number in ids)


def test_a_read_of_many_requests_is_served_in_several_turns():
    """
    What one read brings is begun a bounded number of calls at a time, in order.
    """
    clock, keeper = LabClock(), Large(1)
    driver = server(clock, keeper, Socket())
    driver.dataReceived(requests(3 * TURN_EVENTS))

    served = []
    while not served or served[-1] < 3 * TURN_EVENTS:
        served.append(len(keeper.requests))
        turns(clock)
    assert [TURN_EVENTS, 2 * TURN_EVENTS, 3 * TURN_EVENTS] == served
    assert sorted(each.call_id for each in keeper.requests) == [
        each.call_id for each in keeper.requests
    ]
    assert [] == clock.getDelayedCalls()


def test_beside_asyncio_a_turn_is_as_long():
    """
    Methods run as Tasks there, but begin in the turn of their requests, as elsewhere.
    """

    async def served() -> int:
        keeper = Large(1)
        server(LabClock(), keeper, Socket()).dataReceived(requests(10 * BUNCH))
        return len(keeper.requests)

    assert 10 * BUNCH == asyncio.run(served())


def test_two_connections_take_turns():
    """
    A connection with thousands of requests does not keep another from its one.
    """
    clock, many, one = LabClock(), Large(1), Large(1)
    server(clock, many, Socket()).dataReceived(requests(4 * TURN_EVENTS))
    server(clock, one, Socket()).dataReceived(requests(1))

    assert 1 == len(one.requests)
    assert TURN_EVENTS == len(many.requests)


def test_a_turn_ends_with_its_time():
    """
    Slow methods end a turn after a few calls.
    """
    clock = LabClock()
    keeper = Large(1, clock, TURN_S / 4)
    server(clock, keeper, Socket()).dataReceived(requests(200))

    assert 16 == len(keeper.requests)


def test_reads_that_take_long_become_small():
    """
    Of a connection whose bytes cost much time less is read at once, until they do not.
    """
    clock, socket = LabClock(), Socket()
    driver = server(clock, Keeper(), socket)
    receive, takes_s = machine_of(driver).receive, [0.004]

    def slowly(data: bytes) -> list:
        clock.rightNow += takes_s[0]
        return receive(data)

    machine_of(driver).receive = slowly
    driver.dataReceived(frame(0x80, b"", bytes(8 << 10)))
    assert 8 << 10 == socket.bufferSize
    takes_s[0] /= 4
    driver.dataReceived(frame(0x80, b"", bytes(8 << 10)))
    assert 8 << 10 == socket.bufferSize
    takes_s[0] = 0.0
    driver.dataReceived(frame(0x80, b"", bytes(8 << 10)))
    assert 64 << 10 == socket.bufferSize


def test_a_turn_ends_with_its_bytes():
    """
    Large answers end a turn, though the socket took them all.
    """
    clock, keeper = LabClock(), Large(TURN_BYTES // 2)
    socket = Socket()
    server(clock, keeper, socket).dataReceived(requests(100))

    assert 2 == len(keeper.requests)
    turns(clock)
    assert 4 == len(keeper.requests)


@pytest.mark.parametrize("count", [10, 200])
def test_a_full_socket_begins_no_call(count):
    """
    A peer that does not read gets one answer, and the others once it reads.

    Until then nothing is read from it either.
    """
    clock, keeper = LabClock(), Large(1 << 20)
    socket = Socket(takes=100_000)
    driver = server(clock, keeper, socket)
    driver.dataReceived(requests(count))
    turns(clock, 10)

    assert 1 == len(keeper.requests)
    assert not socket.reading
    while len(keeper.requests) < count:
        before = len(keeper.requests)
        socket.drain()
        turns(clock)
        assert before + 1 == len(keeper.requests)
    socket.drain()
    assert socket.reading
    assert [] == clock.getDelayedCalls()


def test_bytes_that_come_while_others_wait():
    """
    They are kept, in order, nothing more is read, and reading goes on behind the last.
    """
    clock, keeper = LabClock(), Large(1)
    socket = Socket()
    driver = server(clock, keeper, socket)
    driver.dataReceived(requests(2 * TURN_EVENTS))
    driver.dataReceived(requests(1, first=4 * TURN_EVENTS + 1))
    assert not socket.reading
    assert TURN_EVENTS == len(keeper.requests)
    turns(clock, 3)

    assert 4 * TURN_EVENTS + 1 == keeper.requests[-1].call_id
    assert 2 * TURN_EVENTS + 1 == len(keeper.requests)
    assert socket.reading


def test_the_time_of_a_request_that_waited():
    """
    It counts from when its bytes came, not from its turn.
    """
    clock = LabClock()
    keeper = Large(1, clock, TURN_S)
    driver = server(clock, keeper, Socket())
    clock.rightNow += 1
    began = clock.seconds()
    driver.dataReceived(requests(40))
    came = clock.seconds()
    driver.dataReceived(requests(1, first=81))
    turns(clock, 5)

    assert [began] * 40 + [came] == keeper.received_at


def test_a_call_that_is_cancelled_while_it_waits_is_not_begun():
    """
    Calls that were given up in the same bytes, behind what one turn does, are skipped.
    """
    clock, keeper = LabClock(), Large(1)
    driver = server(clock, keeper, Socket())
    last = 2 * TURN_EVENTS - 1
    driver.dataReceived(requests(TURN_EVENTS + 20) + frame(CANCEL, call_id=last + 4))
    turns(clock, 3)

    ids = [each.call_id for each in keeper.requests]
    assert last + 2 in ids
    assert last + 4 not in ids
    assert TURN_EVENTS + 19 == len(ids)


def test_a_connection_that_is_lost_while_requests_wait():
    """
    Nobody waits for their answers, so they are dropped.

    But one-way calls are begun, in turns: their callers never wait.
    """
    clock, keeper = LabClock(), Large(1)
    driver = server(clock, keeper, Socket())
    ways = requests(2 * TURN_EVENTS, 2 * TURN_EVENTS + 1, ONE_WAY | ENDED)
    driver.dataReceived(requests(TURN_EVENTS) + ways + requests(1, first=6 * TURN_EVENTS + 1))
    driver.connectionLost(Failure(ConnectionDone()))
    assert TURN_EVENTS == len(keeper.requests)
    turns(clock)
    assert 2 * TURN_EVENTS == len(keeper.requests)
    turns(clock, 3)

    assert 3 * TURN_EVENTS == len(keeper.requests)
    assert all(each.head.one_way for each in keeper.requests[TURN_EVENTS:])
    assert [] == clock.getDelayedCalls()


def test_a_lost_connection_holds_nothing_in_the_end():
    """
    Once the one-way calls of a lost connection are begun, nothing is counted for it, or kept.
    """
    clock, keeper, quota = LabClock(), Large(1), BufferQuota(1 << 30)
    driver = server(clock, keeper, Socket(), quota)
    driver.dataReceived(requests(2 * TURN_EVENTS + 5, flags=ONE_WAY | ENDED))
    driver.connectionLost(Failure(ConnectionDone()))
    turns(clock, 3)

    assert 2 * TURN_EVENTS + 5 == len(keeper.requests)
    assert 0 == quota.total


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_connection_that_is_closed_here_while_requests_wait(end):
    """
    What waits is dropped, and no later turn is asked for.
    """
    clock, keeper = LabClock(), Large(1)
    driver = server(clock, keeper, Socket())
    driver.dataReceived(requests(2 * TURN_EVENTS))
    getattr(driver, end)("enough")
    driver.dataReceived(requests(1, first=4 * TURN_EVENTS + 1))
    turns(clock, 10)

    assert TURN_EVENTS == len(keeper.requests)
    assert [] == clock.getDelayedCalls()


def test_a_client_hears_all_answers_that_came_before_the_end():
    """
    Answers that wait for their turn are told before the end of the connection is.
    """
    ends = Ends()
    active_captures = [ends.ask() for _ in range(2 * TURN_EVENTS)]
    while not active_captures[0].heard:
        ends.clock.advance(0)
    ends.turn(6)
    ends.network.connections[0].cut()
    ends.turn()

    assert [[b"cba"]] * len(active_captures) == [ear.heard for ear in active_captures]


def test_a_peer_that_leaves_is_heard_in_its_turn():
    """
    Its word stands behind the answers that came before it.
    """
    ends = Ends(answers=False)
    active_captures = [ends.ask() for _ in range(3 * TURN_EVENTS)]
    ends.turn()
    for each in ends.server_keeper.requests:
        ends.far.respond(each.call_id, b"cba")
    ends.far.drain("bye")
    ends.turn()

    assert all(ear.heard == [b"cba"] for ear in active_captures)
    assert ("leaving", "bye") == ends.client_keeper.told[-1]


def test_a_connection_whose_requests_wait_here_is_alive():
    """
    While this side reads nothing, silence is no sign of death.

    If it is the peer that does not read, it is.
    """
    clock, keeper = LabClock(), Large(1)
    socket = Socket()
    driver = server(clock, keeper, socket)
    clock.rightNow += 1
    driver.dataReceived(requests(2 * TURN_EVENTS))
    clock.rightNow += 100
    assert 101 == driver.alive_at
    Keepalive(driver, clock, 0, 0).stop()
    driver.pauseProducing()
    assert 1 == driver.alive_at


def test_the_longest_full_connection_is_cut_off():
    """
    Over max_buffered_bytes, who has not read for the longest time is closed.

    The others stay.
    """
    clock, unsent = LabClock(), BufferQuota(2 << 20)
    sockets = [Socket(takes=100_000) for _ in range(4)]
    keepers = [Large(1 << 20) for _ in sockets]
    for socket, keeper in zip(sockets, keepers, strict=True):
        server(clock, keeper, socket, unsent).dataReceived(requests(20))

    assert [True, True, True, False] == [socket.aborted for socket in sockets]
    assert "max_buffered_bytes" in keepers[0].told[-1][1]
    sockets[3].drain()
    turns(clock)
    assert not sockets[3].aborted


def test_what_was_read_counts_no_longer():
    """
    A peer that reads, or is gone, leaves nothing behind in the count.
    """
    clock, unsent = LabClock(), BufferQuota(10 << 20)
    sockets = [Socket(takes=100_000) for _ in range(2)]
    drivers = [server(clock, Large(1 << 20), socket, unsent) for socket in sockets]
    for driver in drivers:
        driver.dataReceived(requests(1))
    assert 2 << 20 < unsent.total
    sockets[0].drain()
    drivers[1].connectionLost(Failure(ConnectionDone()))

    assert 0 == unsent.total
