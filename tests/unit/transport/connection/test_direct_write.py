"""
Writing to a socket in the turn that has something to say.
"""

from __future__ import annotations

import pytest
from twisted.internet.tcp import Connection as SocketTransport
from twisted.internet.testing import StringTransport

from rpcfw.transport.connection.direct_write import direct_write


class Socket:
    """
    Takes as many bytes as a test lets it.
    """

    def __init__(self, room: int | None) -> None:
        self.room = room
        self.taken = b""

    def send(self, data: bytes) -> int:
        if self.room is None:
            raise BlockingIOError
        self.taken += data[: self.room]
        return len(data[: self.room])


class Transport(SocketTransport):
    """
    Twisted's, with a socket of the test's and a list of what it was given to write.
    """

    def __init__(self, room: int | None) -> None:
        self.socket = Socket(room)
        self._tempDataBuffer = []
        self.dataBuffer = b""
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        assert type(data) is bytes, "Twisted refuses all else"
        self.written.append(data)
        self._tempDataBuffer.append(data)


def test_a_socket_gets_it_at_once():
    """
    What the socket takes at once never waits for the reactor.
    """
    transport = Transport(room=100)
    direct_write(transport)(b"hello")

    assert b"hello" == transport.socket.taken
    assert [] == transport.written


@pytest.mark.parametrize(("room", "rest"), [(2, b"llo"), (0, b"hello"), (None, b"hello")])
def test_the_rest_is_left_to_twisted(room, rest):
    """
    What the socket does not take, Twisted writes as soon as it does.
    """
    transport = Transport(room)
    direct_write(transport)(b"hello")

    assert [rest] == transport.written


def test_nothing_overtakes():
    """
    While anything waits to be written, later bytes wait behind it.
    """
    transport = Transport(room=2)
    write = direct_write(transport)
    write(b"hello")
    transport.socket.room = 100
    write(b"again")

    assert b"he" == transport.socket.taken
    assert [b"llo", b"again"] == transport.written


def test_other_transports_write_as_they_do():
    """
    A transport without a socket of its own, TLS or memory, is written to as ever.
    """
    transport = StringTransport()
    direct_write(transport)(b"hello")

    assert b"hello" == transport.value()
