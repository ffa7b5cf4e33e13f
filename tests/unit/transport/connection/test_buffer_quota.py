"""
What all connections together may make a process hold.
"""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.testing.lab_time import LabClock
from rpcfw.transport.connection.buffer_quota import Buffering, BufferQuota
from rpcfw.transport.connection.driver import Driver
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc import pair
from tests.unit.transport.connection.test_turns import Socket, server, turns
from tests.unit.transport.ends import Ear, Keeper, machine_of
from tests.unit.wire.speech import MESSAGE, NO_MESSAGE, frame, request

KIB = 1 << 10
MIB = 1 << 20


class Connection(Buffering):
    """
    Notes what its quota tells it.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def cut_off(self, reason: str) -> None:
        self.told.append(reason)

    def share_grew(self) -> None:
        self.told.append("grew")


def test_the_share_of_a_connection():
    """
    It is the connection's bound; once half of all is held, an equal part of that half.
    """
    quota = BufferQuota(8 * MIB, 3 * MIB)
    first, *others = [Connection() for _ in range(8)]
    quota.set(first, 3 * MIB)
    assert 3 * MIB == quota.share
    quota.set(others[0], 3 * MIB)
    assert 2 * MIB == quota.share
    for each in others[1:]:
        quota.set(each, 1)
    assert MIB // 2 == quota.share


def test_no_share_is_tiny():
    """
    However many connections hold something.
    """
    quota = BufferQuota(8 * MIB, 3 * MIB)
    for _ in range(1000):
        quota.set(Connection(), 5 * KIB)
    assert 64 * KIB == quota.share


def test_connections_are_told_once_when_shares_grow():
    """
    Those that still hold something, for calls may wait there.
    """
    quota = BufferQuota(8 * MIB, 3 * MIB)
    connections = [Connection() for _ in range(3)]
    for each in connections:
        quota.set(each, 2 * MIB)
    quota.set(connections[0], 0)
    quota.set(connections[1], MIB)
    assert [[], ["grew"], ["grew"]] == [each.told for each in connections]


def test_who_is_closed():
    """
    Of those over the average, the one that has freed nothing for the longest time.

    An old connection that holds little stays, and so does one that goes on reading.
    """
    quota = BufferQuota(8 * MIB, 8 * MIB)
    small, reads, idle, new = [Connection() for _ in range(4)]
    quota.set(small, KIB)
    quota.set(reads, 4 * MIB)
    quota.set(idle, 3 * MIB)
    quota.set(reads, 3 * MIB)
    quota.set(new, 3 * MIB)
    (reason,) = idle.told
    assert "max_buffered_bytes" in reason
    assert [] == small.told + reads.told + new.told
    assert 6 * MIB + KIB == quota.total


def chunks(stream_id: int, size: int) -> bytes:
    """
    Return a message in DATA frames.
    """
    whole = pair.message(bytes(size))
    pieces = range(0, len(whole), 16 * KIB)
    return b"".join(pair.chunk(stream_id, whole[at : at + 16 * KIB]) for at in pieces)


class Wire:
    """
    A server's connection over one wire, and what its peer sends.
    """

    def __init__(self, wire: str, quota: BufferQuota) -> None:
        self.clock, self.keeper, self.socket = LabClock(), Keeper(answers=False), Socket()
        self.ear = Ear()
        self.native = wire == "native"
        if self.native:
            self.driver = server(self.clock, self.keeper, self.socket, quota)
        else:
            self.driver = Driver(
                ServerMachine(Limits(), ()), self.keeper, self.clock, True, 10.0, quota
            )
            self.driver.makeConnection(self.socket)
            self.driver.dataReceived(pair.HELLO)
        self.calls: dict[int, Ear] = {}
        self.socket.written.clear()

    def open(self, call_id: int) -> None:
        """
        Begin a call whose messages nobody reads.
        """
        if self.native:
            self.driver.dataReceived(request(call_id, b"", b"s/m", flags=NO_MESSAGE))
        else:
            self.driver.dataReceived(pair.head(call_id))
        self.driver.listeners[call_id] = self.calls[call_id] = Ear()

    def send(self, call_id: int, size: int, count: int = 1) -> None:
        if self.native:
            data = frame(MESSAGE, body=bytes(size), call_id=call_id)
        else:
            data = chunks(call_id, size)
        self.driver.dataReceived(data * count)
        turns(self.clock, 20)

    def ended(self) -> list[int]:
        """
        Return the calls that were ended, and check that they were told why.
        """
        ended = [call_id for call_id, ear in self.calls.items() if self._errors(ear)]
        for call_id in ended:
            (error,) = self._errors(self.calls[call_id])
            assert Status.RESOURCE_EXHAUSTED is error.status
            assert "max_connection_buffered_bytes" in error.message
        return ended

    @staticmethod
    def _errors(ear: Ear) -> list:
        return [each for each in ear.heard if isinstance(each, Exception)]


@pytest.fixture(name="wire", params=["native", "grpc"])
def _wire(request):
    return request.param


def test_peers_whose_messages_nobody_reads(wire):
    """
    However many there are, they hold no more than the bound, and none is cut off.
    """
    quota = BufferQuota(4 * MIB, MIB)
    peers = [Wire(wire, quota) for _ in range(40)]
    for peer in peers:
        peer.open(1)
        for _ in range(60):
            peer.send(1, 10 * KIB)
    assert quota.total <= 4 * MIB
    assert not any(peer.socket.aborted for peer in peers)
    assert any(peer.ended() for peer in peers)


def test_tiny_messages_that_nobody_reads(wire):
    """
    They count with the memory that they take, those too that wait for their turn.
    """
    quota = BufferQuota(4 * MIB, 2 * MIB)
    peers = [Wire(wire, quota) for _ in range(5)]
    for peer in peers:
        peer.open(1)
        peer.send(1, 0, count=50_000)
    assert quota.total <= 4 * MIB
    assert [[1]] * 5 == [peer.ended() for peer in peers]
    assert not any(peer.socket.aborted for peer in peers)


def test_the_calls_that_hold_most_end(wire):
    """
    Those of whom little is unread go on, and so does the connection.
    """
    quota = BufferQuota(64 * MIB, MIB)
    peer = Wire(wire, quota)
    for call_id in (1, 3, 5):
        peer.open(call_id)
    peer.send(1, 100 * KIB)
    peer.send(3, 700 * KIB)
    peer.send(5, 100 * KIB)
    assert [] == peer.ended()
    peer.send(1, 200 * KIB)
    assert [3] == peer.ended()
    assert 400 * KIB <= quota.total < 500 * KIB
    assert not peer.socket.aborted
    peer.send(1, 100 * KIB)
    assert [3] == peer.ended()


def test_what_was_read_counts_no_longer(wire):
    """
    Nor what a connection held that is gone.
    """
    quota = BufferQuota(64 * MIB, 8 * MIB)
    peer, other = Wire(wire, quota), Wire(wire, quota)
    for each in (peer, other):
        each.open(1)
        each.send(1, 500 * KIB)
    assert MIB - 100 * KIB < quota.total < MIB + 100 * KIB
    cost = 500 * KIB + (16 if peer.native else 5)
    peer.driver.consumed(1, cost, 500 * KIB)
    assert quota.total < 600 * KIB
    other.driver.connectionLost(Failure(ConnectionDone()))
    assert quota.total < 10 * KIB


def test_an_unfinished_message_counts(wire):
    """
    A peer that sends all but the last byte of large messages holds memory as well.
    """
    quota = BufferQuota(64 * MIB, 8 * MIB)
    peer = Wire(wire, quota)
    peer.open(1)
    data = frame(MESSAGE, body=bytes(MIB), call_id=1) if peer.native else chunks(1, MIB)
    peer.driver.dataReceived(data[:-1])
    assert MIB - 40 * KIB < quota.total < MIB + 40 * KIB
    assert machine_of(peer.driver).unread_bytes == 0


@pytest.mark.parametrize("share", [8 * MIB, 8 * KIB])
def test_a_lost_connection_counts_no_longer(wire, share):
    """
    Of a connection that is lost amid a frame nothing is counted, even if it was too much.
    """
    quota = BufferQuota(64 * MIB, share)
    peer = Wire(wire, quota)
    peer.open(1)
    data = frame(MESSAGE, body=bytes(15 * KIB), call_id=1) if peer.native else chunks(1, 15 * KIB)
    peer.driver.dataReceived(data[:-1])
    assert quota.total > 14 * KIB
    peer.driver.connectionLost(Failure(ConnectionDone()))
    assert 0 == quota.total
