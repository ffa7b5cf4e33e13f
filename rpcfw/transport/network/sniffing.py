"""
One port for several protocols: the first bytes of a connection choose the machine.

The driver knows nothing of it: a protocol is a plugin with a `match`, and what no
protocol recognises gets a sentence that a person can read, and is closed. Only where
one of the protocols is not for people's ears, what is not HTTP/1 is closed in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from rpcfw.spi.protocol import Machine, Match, WireProtocol
from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw.transport.connection.lingering import Lingering
from rpcfw.transport.connection.unsent import UnsentBytes
from rpcfw.transport.network.address_text import address_text
from rpcfw.transport.network.capacity import Capacity
from rpcfw.transport.network.tls import drop_frames, handshake_error

__all__ = ["Acceptor"]

_MOST_SNIFFED_BYTES = 64
#: A connection that is recognised has so long to greet, at least: what it took until then
#: may have been this process's own time.
_LEAST_S = 1.0
_HTTP_METHODS = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ")


class Acceptor(Factory):
    """
    Makes the drivers of one port.

    Args:
        protocols: those spoken here.
        make_machine: the machine of one connection for a protocol.
        owner: of the drivers.
        clock: time.
        handshake_timeout_s: how long a new connection may take to greet.
        unsent: where bytes are counted that connections keep for their peers.
        capacity: what is one too many for it is closed at once.
    """

    noisy = False

    def __init__(
        self,
        protocols: Sequence[WireProtocol],
        make_machine: Callable[[WireProtocol], Machine],
        owner: DriverObserver,
        clock: Clock,
        handshake_timeout_s: float,
        unsent: UnsentBytes,
        capacity: Capacity,
    ) -> None:
        self.protocols = tuple(protocols)
        self.clock = clock
        self.handshake_timeout_s = handshake_timeout_s
        self._make_machine = make_machine
        self.owner = owner
        self._unsent = unsent
        #: Where its drivers are kept between their close and that of their sockets.
        self.lingering: Lingering | None = None
        self.capacity = capacity

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """
        Return what listens to a new connection; None closes it.
        """
        return _Sniffer(self) if self.capacity.enter(addr) else None

    def driver(self, protocol: WireProtocol, handshake_timeout_s: float) -> Driver:
        """
        Return the driver of a connection that is known to speak ``protocol``.
        """
        machine = self._make_machine(protocol)
        driver = Driver(machine, self.owner, self.clock, True, handshake_timeout_s, self._unsent)
        driver.wire = protocol.name
        driver.lingering = self.lingering
        return driver


class _Sniffer(Protocol):
    """
    Listens until the protocol is known; then the driver takes the transport over.
    """

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        self._data = b""
        self._refused = False

    def connectionMade(self) -> None:
        acceptor = self._acceptor
        self._since = acceptor.clock.seconds()
        self._timer = acceptor.clock.callLater(acceptor.handshake_timeout_s, self._too_slow)

    def dataReceived(self, data: bytes) -> None:
        if self._refused:
            return
        self._data += data
        start = self._data[:_MOST_SNIFFED_BYTES]
        answers = [(protocol.match(start), protocol) for protocol in self._acceptor.protocols]
        for answer, protocol in answers:
            if answer is Match.YES:
                self._hand_over(protocol)
                return
        unsure = _may_become_http(start) or any(answer is Match.MORE for answer, _ in answers)
        if len(start) == _MOST_SNIFFED_BYTES or not unsure:
            self._refuse(start)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._settled()
        why = "" if reason is None else handshake_error(reason)
        if why:
            peer = address_text(cast(Any, self.transport).getPeer())
            self._acceptor.owner.handshake_failed(peer, why)
        if reason is not None:
            drop_frames(reason)
        self._acceptor.capacity.leave(cast(Any, self.transport).getPeer())

    def _hand_over(self, protocol: WireProtocol) -> None:
        self._settled()
        limit_s = self._acceptor.handshake_timeout_s
        spent_s = self._acceptor.clock.seconds() - self._since
        left_s = max(limit_s - spent_s, min(limit_s, _LEAST_S))
        driver = self._acceptor.driver(protocol, left_s)
        # From now on the transport calls the driver itself: one call less a read.
        transport = cast(Any, self.transport)
        # Over TLS the transport is itself a protocol, with ours inside of it.
        inside = "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol"
        setattr(transport, inside, driver)
        driver.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted's
        driver.dataReceived(self._data)

    def _settled(self) -> None:
        if self._timer.active():
            self._timer.cancel()

    def _refuse(self, start: bytes) -> None:
        self._refused = True
        transport = cast(Any, self.transport)
        transport.write(self._refusal(start))
        transport.loseConnection()

    def _refusal(self, start: bytes) -> bytes:
        protocols = self._acceptor.protocols
        names = ", ".join(protocol.name for protocol in protocols)
        text = f"This is an rpcfw port. It speaks: {names}. What came is none of these.\n".encode()
        if start.startswith(_HTTP_METHODS):
            return (
                b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
                b"Content-Type: text/plain; charset=utf-8\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(text), text)
            )
        return text if all(protocol.text_errors for protocol in protocols) else b""

    def _too_slow(self) -> None:
        cast(Any, self.transport).abortConnection()


def _may_become_http(start: bytes) -> bool:
    return any(len(start) < len(method) and method.startswith(start) for method in _HTTP_METHODS)
