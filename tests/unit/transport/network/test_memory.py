"""
The network inside one process behaves as sockets do.
"""

from __future__ import annotations

import pytest
from twisted.internet.error import (
    ConnectError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from rpcfw.transport.network.memory import MemoryNetwork


class End(Protocol):
    """
    Notes what comes.
    """

    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.lost: list[type] = []

    def dataReceived(self, data: bytes) -> None:
        self.came.append(data)

    def connectionLost(self, reason) -> None:
        self.lost.append(reason.type)


class Producer:
    """
    Notes whether it may write.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")


class Pair:
    """
    Two ends and their clock.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.far = End()
        self.factory = Factory.forProtocol(lambda: self.far)
        self.port = self.network.listen("there", self.factory)
        self.near = self.network.connect("there", Factory.forProtocol(End))

    def turn(self) -> None:
        self.clock.advance(0)


def test_bytes_arrive_together_in_the_next_turn():
    """
    What one turn writes is one read in a later one, as over a socket.
    """
    pair = Pair()
    pair.near.transport.write(b"a")
    pair.near.transport.writeSequence([b"b", b"c"])
    assert [] == pair.far.came
    pair.turn()
    pair.far.transport.write(b"d")
    pair.turn()

    assert ([b"abc"], [b"d"]) == (pair.far.came, pair.near.came)


def test_nobody_listens():
    """
    A connection to a name that nobody has, or has no longer, is refused.
    """
    pair = Pair()
    with pytest.raises(ConnectError, match="nobody listens at memory:elsewhere"):
        pair.network.connect("elsewhere", Factory.forProtocol(End))
    assert pair.network.is_listening("there")
    pair.port.stopListening()
    with pytest.raises(ConnectError, match="nobody listens at memory:there"):
        pair.network.connect("there", Factory.forProtocol(End))
    assert 0 == pair.factory.numPorts


def test_a_name_is_taken_once():
    """
    Two cannot listen under one name.
    """
    pair = Pair()
    with pytest.raises(OSError, match="memory:there is in use"):
        pair.network.listen("there", pair.factory)


def test_a_factory_may_refuse():
    """
    A connection that the server's factory has no protocol for is refused.
    """
    pair = Pair()
    pair.network.listen("full", Factory.forProtocol(lambda: None))
    pair.factory.buildProtocol = lambda address: None

    with pytest.raises(ConnectError):
        pair.network.connect("there", Factory.forProtocol(End))


def test_close_after_what_was_written():
    """
    A closed connection delivers what was written before, and nothing after.
    """
    pair = Pair()
    pair.near.transport.write(b"last")
    pair.near.transport.loseConnection()
    pair.near.transport.write(b"too late")
    pair.far.transport.write(b"unread")
    pair.turn()
    pair.turn()

    assert ([b"last"], []) == (pair.far.came, pair.near.came)
    assert ([ConnectionDone], [ConnectionDone]) == (pair.near.lost, pair.far.lost)
    assert [] == pair.network.connections
    assert [] == pair.clock.getDelayedCalls()


def test_a_protocol_that_fails():
    """
    One that fails at what came loses its connection, and so does the other end.
    """
    pair = Pair()
    pair.far.dataReceived = lambda data: 1 / 0
    pair.near.transport.write(b"a")
    with pytest.raises(ZeroDivisionError):
        pair.turn()
    pair.turn()

    assert ([ConnectionLost], [ZeroDivisionError]) == (pair.near.lost, pair.far.lost)
    assert [] == pair.network.connections


def test_abort():
    """
    An aborted connection drops what was not delivered, and says so in a later turn.
    """
    pair = Pair()
    pair.near.transport.write(b"dropped")
    pair.near.transport.abortConnection()
    pair.near.transport.abortConnection()
    assert [] == pair.near.lost
    pair.turn()

    assert [] == pair.far.came
    assert ([ConnectionAborted], [ConnectionLost]) == (pair.near.lost, pair.far.lost)


def test_both_close():
    """
    Each end hears once that the connection is gone, whoever closes it how often.
    """
    pair = Pair()
    pair.near.transport.loseConnection()
    pair.far.transport.loseConnection()
    pair.turn()
    pair.far.transport.abortConnection()
    pair.near.transport.stopProducing()
    pair.turn()

    assert (1, 1) == (len(pair.near.lost), len(pair.far.lost))


def test_cut():
    """
    A cut connection is lost at both ends at once, with whatever was on its way.
    """
    pair = Pair()
    pair.near.transport.write(b"lost")
    (connection,) = pair.network.connections
    assert connection.open
    connection.cut()
    pair.turn()

    assert not connection.open
    assert [] == pair.far.came
    assert (1, 1) == (len(pair.near.lost), len(pair.far.lost))


def test_a_reader_that_pauses():
    """
    What comes meanwhile waits, its writer is told to, and all arrives in the end.
    """
    pair, producer = Pair(), Producer()
    pair.near.transport.registerProducer(producer, True)
    pair.far.transport.pauseProducing()
    pair.near.transport.write(bytes(1 << 16))
    pair.turn()
    assert [] == producer.told
    pair.near.transport.write(b"x")
    pair.near.transport.write(b"y")
    pair.turn()
    assert (["pause"], []) == (producer.told, pair.far.came)
    pair.far.transport.resumeProducing()
    pair.turn()

    assert ["pause", "resume"] == producer.told
    assert [bytes(1 << 16) + b"xy"] == pair.far.came


def test_a_frozen_connection():
    """
    Nothing comes through, not even an end, until it thaws.
    """
    pair = Pair()
    (connection,) = pair.network.connections
    connection.freeze()
    pair.near.transport.write(b"a")
    pair.turn()
    assert [] == pair.far.came
    connection.thaw()
    pair.turn()
    assert [b"a"] == pair.far.came

    connection.freeze()
    pair.near.transport.abortConnection()
    pair.turn()
    assert ([ConnectionAborted], []) == (pair.near.lost, pair.far.lost)
    connection.thaw()
    assert [ConnectionLost] == pair.far.lost


def test_names_of_ends():
    """
    An end's name stands in the place of a host.
    """
    pair = Pair()

    assert "memory:there" == pair.near.transport.getPeer().host
    assert "memory:there" == pair.port.getHost().host
