"""
Answers that their reader's flow control keeps at a server, and the calls behind them.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.testing.lab_time import LabClock
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.connection.driver import Driver
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.settings import INITIAL_WINDOW_SIZE
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc.pair import HELLO, chunk, cut, head, message, of
from tests.unit.transport.connection.test_turns import Large, Socket, turns
from tests.unit.transport.ends import flush, machine_of

MIB = 1 << 20


def server(clock, keeper, socket, unsent):
    """
    Return a driver whose peer gives streams no room.
    """
    machine = ServerMachine(Limits(), ())
    driver = Driver(machine, keeper, clock, True, 10.0, unsent)
    driver.makeConnection(socket)
    driver.dataReceived(HELLO + frames.settings({INITIAL_WINDOW_SIZE: 0}))
    socket.written.clear()
    return driver


def requests(first, count, body=b"x"):
    """
    Return whole requests on so many streams.
    """
    ids = range(first, first + 2 * count, 2)
    return b"".join(head(one) + chunk(one, message(body), end=True) for one in ids)


def written(socket):
    """
    Return what was written since last asked.
    """
    data = b"".join(bytes(piece) for piece in socket.written)
    socket.written.clear()
    return data


def room(driver, size=64 * MIB):
    """
    Let the peer take what waits.
    """
    driver.dataReceived(
        frames.window_update(0, size) + frames.settings({INITIAL_WINDOW_SIZE: 8 * MIB})
    )


def test_no_call_is_begun_while_many_answers_wait():
    """
    A peer without room gets some answers made; the rest of its calls wait, in order.

    It is heard meanwhile, or it could never make room.
    """
    clock, keeper, socket = LabClock(), Large(MIB), Socket()
    driver = server(clock, keeper, socket, BufferQuota(1 << 40, 8 * MIB))
    driver.dataReceived(requests(1, 100))
    turns(clock, 10)
    driver.dataReceived(requests(201, 100) + frames.ping(b"12345678"))
    turns(clock, 10)
    assert 8 == len(keeper.requests)
    assert [(frames.PING, frames.ACK, 0, b"12345678")] == of(frames.PING, written(socket))

    room(driver, 4 * MIB)
    for _ in range(60):
        turns(clock, 10)
        driver.dataReceived(frames.window_update(0, 4 * MIB))
    assert list(range(1, 401, 2)) == [event.call_id for event in keeper.requests]


def test_a_call_that_waits_and_is_cancelled_is_never_begun():
    """
    Nor does it come back when there is room.
    """
    clock, keeper, socket = LabClock(), Large(MIB), Socket()
    driver = server(clock, keeper, socket, BufferQuota(1 << 40, 2 * MIB))
    driver.dataReceived(requests(1, 5))
    driver.dataReceived(frames.reset(9, 8))
    assert [1, 3] == [event.call_id for event in keeper.requests]
    driver.dataReceived(b"".join(frames.window_update(one, MIB + 5) for one in (1, 3)))
    room(driver)
    turns(clock, 10)
    assert [1, 3, 5, 7] == [event.call_id for event in keeper.requests]


def test_calls_that_would_wait_without_bound_are_refused():
    """
    Beyond as many bytes of requests, a call is told that it was not begun.
    """
    clock, keeper, socket = LabClock(), Large(MIB), Socket()
    driver = server(clock, keeper, socket, BufferQuota(1 << 40, MIB // 2))
    driver.dataReceived(requests(1, 1))
    driver.dataReceived(requests(3, 60, bytes(10_000)))
    assert 1 == len(keeper.requests)
    refused = [block for _, _, _, block in of(frames.HEADERS, written(socket)) if b"rpcfw" in block]
    assert 11 == len(refused)
    assert all(b"max_connection_buffered_bytes" in block for block in refused)
    assert all(b"grpc-status\x01%d" % Status.RESOURCE_EXHAUSTED in block for block in refused)


def test_an_end_on_this_side_makes_room_too():
    """
    Where the server gives up what waits, the calls behind it go on by themselves.
    """
    clock, keeper, socket = LabClock(), Large(MIB), Socket()
    keeper.accept = lambda driver, event: keeper.requests.append(event)
    driver = server(clock, keeper, socket, BufferQuota(1 << 40, MIB))
    driver.dataReceived(requests(1, 1))
    driver.send(1, bytes(2 * MIB))
    driver.dataReceived(requests(3, 2))
    assert [1] == [event.call_id for event in keeper.requests]
    machine_of(driver).cancel(1)
    flush(driver)
    turns(clock, 3)
    assert [1, 3, 5] == [event.call_id for event in keeper.requests]


def test_all_connections_are_bounded_together():
    """
    Over max_buffered_bytes, who has let answers wait for the longest time is closed.
    """
    clock, unsent = LabClock(), BufferQuota(10 * MIB, 4 * MIB)
    sockets = [Socket() for _ in range(3)]
    drivers = [server(clock, Large(4 * MIB), socket, unsent) for socket in sockets]
    for driver in drivers[:2]:
        driver.dataReceived(requests(1, 1))
    assert [False] * 3 == [socket.aborted for socket in sockets]
    drivers[2].dataReceived(requests(1, 1))
    assert [True, False, False] == [socket.aborted for socket in sockets]
    drivers[1].connectionLost(Failure(ConnectionDone()))
    room(drivers[2])
    assert 0 == unsent.total


def test_what_waits_for_room_is_written_once_there_is():
    """
    Nothing of it is lost, and then nothing is counted.
    """
    clock, socket, unsent = LabClock(), Socket(), BufferQuota(10 * MIB, 4 * MIB)
    driver = server(clock, Large(100_000), socket, unsent)
    driver.dataReceived(requests(1, 5))
    turns(clock, 3)
    assert 5 * 100_005 == unsent.total
    written(socket)
    room(driver)
    turns(clock, 3)
    data = [frame for frame in cut(written(socket)) if frame[0] == frames.DATA]
    assert 5 * 100_005 == sum(len(frame[3]) for frame in data)
    assert 0 == unsent.total
