"""
Whether what was written is still on its way.
"""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest
from twisted.internet.tcp import Connection as SocketTransport

from rpcfw.transport.connection.delivery import Delivery

SIZE = 1 << 20


class Transport(SocketTransport):
    """
    A socket without a reactor.
    """

    def __init__(self, handle):
        self.socket = handle


@pytest.fixture(name="ends")
def _ends():
    """
    The two ends of a TCP connection, of which the second reads nothing by itself.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = socket.create_connection(server.getsockname())
        there, _ = server.accept()
    with here, there:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * SIZE)
        here.setblocking(False)
        yield here, there


def eventually(condition):
    """
    Wait until the system has done what it does beside us.
    """
    assert any(condition() for _ in range(1_000_000)), "it never came to that"


def fill(here):
    """
    Write until the socket accepts no more.
    """
    with suppress(BlockingIOError):
        while True:
            here.send(bytes(SIZE))


def test_a_peer_that_takes_it_bit_by_bit(ends):
    """
    It progresses as long as the peer reads, and no longer.
    """
    here, there = ends
    fill(here)
    delivery = Delivery(Transport(here), False, 0)
    eventually(lambda: not delivery.progresses())
    for _ in range(3):
        for _ in range(64):
            there.recv(1 << 14)
        eventually(delivery.progresses)
    eventually(lambda: not delivery.progresses())


def test_what_was_written_later_does_not_count(ends):
    """
    Once everything up to then has arrived there is no progress any more.
    """
    here, there = ends
    here.send(bytes(100))
    eventually(lambda: len(there.recv(100)) == 100)
    delivery = Delivery(Transport(here), False, 0)
    for _ in range(10):
        here.send(bytes(1000))
        assert not delivery.progresses()
        there.recv(1000)


def test_what_is_not_in_the_socket_yet(ends):
    """
    Bytes that wait in memory, because the socket is full, are on their way, too.
    """
    here, there = ends
    delivery = Delivery(Transport(here), True, SIZE)
    here.send(bytes(1000))
    eventually(delivery.progresses)
    assert not delivery.progresses()
    there.recv(1000)


def test_no_socket():
    """
    Without a socket nothing is known.
    """
    assert not Delivery(object(), True, SIZE).progresses()


def test_a_closed_socket(ends):
    """
    Of a socket that was closed meanwhile nothing is known.
    """
    here, _ = ends
    fill(here)
    delivery = Delivery(Transport(here), False, 0)
    here.close()
    assert not delivery.progresses()
