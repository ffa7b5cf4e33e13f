"""
Connections that a peer breaks as soon as it has said all.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import termios

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.spi.machine import Limits
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.http2 import frames
from tests.plugins.grpc.pair import cut

SAID_BYTES = 400_000
ROOM_BYTES = 1 << 20


class Chatty:
    """
    A machine that says something for all that it reads, as who grants room does.
    """

    unsent_bytes = 0

    def __init__(self) -> None:
        self.read = bytearray()
        self.output = b""

    def start(self):
        """
        Say nothing yet.
        """

    def receive(self, data):
        self.read += data
        self.output = b"more"
        return []

    def take_output(self):
        output, self.output = self.output, b""
        return output

    def closing(self, reason):
        """
        Say nothing more.
        """

    def fail(self, reason):
        """
        Be asked nothing any more.
        """


class Ended(DriverObserver):
    def __init__(self) -> None:
        self.end: Deferred[None] = Deferred()
        self.driver: Driver | None = None

    def connected(self, driver):
        self.driver = driver

    def closed(self, driver, reason):
        self.end.callback(None)


def pair():
    """
    Return both ends of a connection; the first has room for much.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        ours = socket.socket()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM_BYTES)
        ours.connect(listening.getsockname())
        theirs, _ = listening.accept()
    return ours, theirs


def arrived(theirs):
    """
    Return once all that was sent is at the other end.
    """
    while struct.unpack("i", fcntl.ioctl(theirs, termios.TIOCOUTQ, b"\0" * 4))[0]:
        pass


def read_all(theirs):
    """
    Return what is said until the other end closes.
    """
    said = b""
    while piece := theirs.recv(65_536):
        said += piece
    return said


def break_off(theirs):
    """
    Close with a reset, once all has arrived.
    """
    arrived(theirs)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()


class TestBroken(TestCase):
    timeout = 20

    async def test_what_came_before_is_read(self):
        """
        A client loses no answer that had arrived when the server broke off.
        """
        ours, theirs = pair()
        machine, owner = Chatty(), Ended()
        factory = Factory.forProtocol(lambda: Driver(machine, owner, reactor))
        reactor.adoptStreamConnection(ours.fileno(), socket.AF_INET, factory)
        ours.close()
        # Until the reactor goes on nothing is read.
        theirs.sendall(bytes(SAID_BYTES))
        break_off(theirs)
        await owner.end
        assert SAID_BYTES == len(machine.read)

    async def test_what_came_is_answered_before_we_close(self):
        """
        A client that closes has answered the pings that are here, and says GOAWAY behind them.
        """
        ours, theirs = pair()
        owner = Ended()
        machine = ClientMachine(Limits(), (), "localhost", "http")
        factory = Factory.forProtocol(lambda: Driver(machine, owner, reactor))
        reactor.adoptStreamConnection(ours.fileno(), socket.AF_INET, factory)
        ours.close()
        theirs.sendall(frames.settings({}) + frames.ping(b"ping one"))
        arrived(theirs)
        owner.driver.close("it is not needed any more")
        await owner.end
        theirs.settimeout(20)
        *_, pong, goaway = cut(await deferToThread(read_all, theirs))
        theirs.close()
        assert (frames.PING, frames.ACK, 0, b"ping one") == pong
        assert frames.GOAWAY == goaway[0]
        assert (0, 0, "it is not needed any more") == frames.parse_goaway(goaway[3])
