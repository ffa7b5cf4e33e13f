"""
A peer that resets its connection while what it sent waits for its turn.
"""

from __future__ import annotations

import socket
from struct import pack

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.tcp import Connection as SocketTransport
from twisted.python.failure import Failure

from rpcfw.spi.machine import Limits
from rpcfw.testing.lab_time import LabClock
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.peer_reset import end_if_reset
from rpcfw.transport.connection.turns import TURN_EVENTS
from tests.unit.transport.connection.test_turns import Socket, requests, turns
from tests.unit.transport.ends import Keeper, native
from tests.unit.wire.speech import ENDED, ONE_WAY, hello, request


class Reactor:
    """
    Takes note of nothing: these tests read by themselves.
    """

    def __getattr__(self, name):
        return lambda *given: None


class Server:
    """
    A server's connection over a real socket, and the socket of its peer.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.peer = socket.create_connection(listening.getsockname())
            accepted, _ = listening.accept()
        accepted.setblocking(False)
        self.clock, self.keeper = LabClock(), Keeper(answers=False)
        self.driver = Driver(native().server(Limits(), ()), self.keeper, self.clock, True, 10.0)
        self.transport = SocketTransport(accepted, self.driver, Reactor())
        self.transport.connected = 1
        self.transport.getPeer = Socket().getPeer
        self.driver.makeConnection(self.transport)
        self.driver.dataReceived(hello())

    def reset(self) -> None:
        """
        Have the peer send what it likes to be dropped: RST, not FIN.
        """
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
        self.peer.close()


@pytest.fixture(name="server")
def _server():
    server = Server()
    yield server
    server.peer.close()
    if server.transport.connected:
        server.transport.connectionLost(Failure(ConnectionDone()))


def ends(server):
    return [told[1] for told in server.keeper.told if told[0] == "closed"]


def test_what_waits_is_not_begun(server):
    """
    Nobody would take the answers.
    """
    server.driver.dataReceived(requests(3 * TURN_EVENTS))
    assert TURN_EVENTS == len(server.keeper.requests)
    server.reset()
    turns(server.clock, 10)
    assert TURN_EVENTS == len(server.keeper.requests)
    (reason,) = ends(server)
    assert "reset" in reason
    assert [] == server.clock.getDelayedCalls()


def test_one_way_calls_are_begun_all_the_same(server):
    """
    Those that waited, and those that were not even read.
    """
    server.driver.dataReceived(requests(2 * TURN_EVENTS))
    last = 2 * 2 * TURN_EVENTS
    server.peer.sendall(request(last + 1, b"x", b"s/m", flags=ENDED | ONE_WAY))
    server.reset()
    turns(server.clock, 10)
    assert TURN_EVENTS + 1 == len(server.keeper.requests)
    assert server.keeper.requests[-1].head.one_way
    assert 1 == len(ends(server))


def test_a_peer_that_closes_is_heard_to_its_end(server):
    """
    FIN says only that nothing more comes.
    """
    server.driver.dataReceived(requests(2 * TURN_EVENTS))
    server.peer.shutdown(socket.SHUT_WR)
    turns(server.clock, 10)
    assert 2 * TURN_EVENTS == len(server.keeper.requests)
    assert [] == ends(server)


def test_what_is_no_socket_has_no_reset():
    """
    As a transport in memory.
    """
    assert not end_if_reset(Socket())
