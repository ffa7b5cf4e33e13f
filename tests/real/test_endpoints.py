"""
Real sockets: TCP over both families, Unix sockets, closing with data on its way.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import CannotListenError, ConnectError, DNSLookupError
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from rpcfw.spi.machine import Limits
from rpcfw.transport.connection import connection
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw.transport.network import endpoints
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address
from tests.folders import temporary_folder
from tests.unit.transport.ends import Ear, Keeper, head, native

LIMIT_S = 10.0


@inlineCallbacks
def until(true):
    """
    Poll until something is so, or fail.
    """
    for _ in range(1000):
        if true():
            return
        yield deferLater(reactor, LIMIT_S / 1000, lambda: None)
    raise AssertionError("it did not become so in time")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@implementer(IHostnameResolver)
class ResolvesAll:
    """
    Has an address for every name, and notes what it was asked for.
    """

    def __init__(self, asked):
        self.asked = asked

    def resolveHostName(self, receiver, name, portNumber=0, **more):  # noqa: N802, N803  # its name
        self.asked.append(name)
        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
        receiver.resolutionComplete()


class EndpointsTest(TestCase):
    """
    One call over each way that there is.
    """

    def setUp(self) -> None:
        self.network = Network(reactor)
        self.keeper = Keeper()
        self.made: list[Driver] = []

    def serve(self, address: Address) -> Deferred:
        wire = native()

        def build() -> Driver:
            driver = Driver(wire.server(Limits(), ()), self.keeper, reactor, True, 5.0)
            self.made.append(driver)
            return driver

        def listening(port):
            self.addCleanup(port.stopListening)
            return port

        factory = Factory.forProtocol(build)
        factory.noisy = False
        return self.network.listen(address, factory).addCallback(listening)

    def connect(self, address: Address, owner: DriverObserver | None = None) -> Deferred:
        keeper = owner or Keeper()
        machine = native().client(Limits(), ())
        factory = Factory.forProtocol(lambda: Driver(machine, keeper, reactor))
        factory.noisy = False
        return self.network.client(address, 5.0).connect(factory)

    @inlineCallbacks
    def call(self, address: Address):
        keeper = Keeper()
        driver = yield self.connect(address, keeper)
        driver = getattr(driver, "_wrappedProtocol", driver)
        yield until(lambda: "greeted" in keeper.told)
        ear = Ear()
        driver.request(head(), b"abc", "", ear)
        yield until(lambda: ear.heard)
        assert [b"cba"] == ear.heard
        driver.close("done")
        yield until(lambda: self.keeper.told[-1][0] == "closed")
        return self.made[-1]

    @inlineCallbacks
    def test_tcp(self):
        """
        A call travels over TCP, with small writes sent at once.
        """
        port = yield self.serve(Address("tcp", "127.0.0.1"))
        far = yield self.call(Address("tcp", "localhost", port.getHost().port))

        assert far.peer.startswith("127.0.0.1:")

    @inlineCallbacks
    def test_tcp6(self):
        """
        A call travels over IPv6, and the peer's address is written as users write it.
        """
        if not has_ipv6():
            pytest.skip("this machine has no IPv6")
        port = yield self.serve(Address("tcp", "::1"))
        far = yield self.call(Address("tcp", "::1", port.getHost().port))

        assert far.peer.startswith("[::1]:")

    @inlineCallbacks
    def test_unix(self):
        """
        A call travels over a Unix socket, which nobody else may open.
        """
        path = str(temporary_folder(self) / "socket")
        yield self.serve(Address("unix", path))
        far = yield self.call(Address("unix", path))

        assert 0o600 == stat.S_IMODE(Path(path).stat().st_mode)
        assert "a local peer" == far.peer

    @inlineCallbacks
    def test_unix_after_a_crash(self):
        """
        A socket that a killed process left behind is taken over, by whoever comes next.

        So it is if the id of that process is another's by now.
        """
        path = str(temporary_folder(self) / "socket")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        lock = Path(f"{path}.lock")
        lock.symlink_to(str(os.getppid()))
        self.addCleanup(lock.unlink)
        yield self.serve(Address("unix", path))

        yield self.call(Address("unix", path))

    @inlineCallbacks
    def test_unix_of_two_that_begin_at_once(self):
        """
        A dead socket is not removed while another process may be about to listen there.
        """
        self.patch(endpoints, "_TURNS", 2)
        path = str(temporary_folder(self) / "socket")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        self.addCleanup(Path(path).unlink)
        folder = os.open(Path(path).parent, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(CannotListenError, match="another process holds a lock"):
            yield self.network.listen(Address("unix", path), Factory())

        assert Path(path).is_socket()

    @inlineCallbacks
    def test_unix_after_the_turn_of_another(self):
        """
        Who has to wait for another process's turn listens once that is over.
        """
        path = str(temporary_folder(self) / "socket")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        folder = os.open(Path(path).parent, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        serving = self.serve(Address("unix", path))
        assert not serving.called
        os.close(folder)
        yield serving

        yield self.call(Address("unix", path))

    @inlineCallbacks
    def test_unix_that_is_no_socket(self):
        """
        A file that is no socket is never removed.
        """
        path = temporary_folder(self) / "socket"
        path.write_text("precious")
        self.addCleanup(path.unlink)
        with pytest.raises(CannotListenError, match="is no socket"):
            yield self.network.listen(Address("unix", str(path)), Factory())

        assert "precious" == path.read_text()

    @inlineCallbacks
    def test_names_that_resolvers_know(self):
        """
        Names as Docker and Windows give them are asked for as they are written.
        """
        port = yield self.serve(Address("tcp", "127.0.0.1"))
        asked = []
        former = reactor.installNameResolver(ResolvesAll(asked))
        self.addCleanup(reactor.installNameResolver, former)
        for name in ("my_app", "app_db_1.net", "a--b", "r3--x", "edge-", "-edge", "FQDN.", "x"):
            yield self.call(Address.parse(f"tcp:{name}:{port.getHost().port}"))
            assert name == asked.pop()

    @inlineCallbacks
    def test_names_that_cannot_be_asked_for(self):
        """
        A name with an empty label, or one that is too long, fails at once.
        """
        for name in ("a..b", "a" * 64, f"{'a.' * 127}com"):
            with pytest.raises((ConnectError, DNSLookupError, ValueError)):
                yield self.connect(Address("tcp", name, 1))

    @inlineCallbacks
    def test_unix_in_use(self):
        """
        A socket that another listens at is left to it.
        """
        path = str(temporary_folder(self) / "socket")
        yield self.serve(Address("unix", path))
        with pytest.raises(CannotListenError):
            yield self.network.listen(Address("unix", path), Factory())

        yield self.call(Address("unix", path))

    @inlineCallbacks
    def test_nobody_there(self):
        """
        Where nobody listens, connecting fails, over each way.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for address in (
            Address("tcp", "127.0.0.1", port),
            Address("unix", str(temporary_folder(self) / "socket")),
            Address("memory", "nowhere"),
        ):
            with pytest.raises(ConnectError):
                yield self.connect(address)

    @inlineCallbacks
    def test_close_with_data_on_its_way(self):
        """
        What was written before a close arrives, though its reader was slow at first.
        """
        self.patch(connection, "LINGER_S", 1000)
        port = yield self.serve(Address("tcp", "127.0.0.1"))
        size = 8 << 20

        class Slow(Protocol):
            received = 0
            ended = False

            def connectionMade(self) -> None:
                self.transport.pauseProducing()

            def dataReceived(self, data: bytes) -> None:
                self.received += len(data)

            def connectionLost(self, reason) -> None:
                self.ended = True

        factory = Factory.forProtocol(Slow)
        factory.noisy = False
        address = Address("tcp", "127.0.0.1", port.getHost().port)
        slow = yield self.network.client(address, 5.0).connect(factory)
        slow = getattr(slow, "_wrappedProtocol", slow)
        yield until(lambda: self.made)
        far = self.made[0]
        far.transport.write(bytes(size))
        yield deferLater(reactor, 0.05, lambda: None)
        far.close("enough")
        assert not slow.ended
        slow.transport.resumeProducing()
        yield until(lambda: slow.ended)

        assert size == slow.received

    @inlineCallbacks
    def test_a_peer_that_never_reads(self):
        """
        A connection that is closed while its peer reads nothing is gone before long.
        """
        self.patch(connection, "LINGER_S", 0.2)
        port = yield self.serve(Address("tcp", "127.0.0.1"))
        with socket.create_connection(("127.0.0.1", port.getHost().port)):
            yield until(lambda: self.made)
            far = self.made[0]
            far.transport.write(bytes(32 << 20))
            yield deferLater(reactor, 0.05, lambda: None)
            far.close("enough")
            assert ("closed", "enough") == self.keeper.told[-1]
            yield until(lambda: far.transport.disconnected)
