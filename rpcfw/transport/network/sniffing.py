"""
One port for several protocols: the first bytes of a connection choose the machine.

Each protocol is asked whether the bytes are its own (`WireProtocol.match`), until one answers
YES or all answer NO. Then each is asked how such a connection is refused
(`WireProtocol.refusal`): this file knows no protocol, not even HTTP. All is decided after 64
bytes, or the connection is closed after ``handshake_timeout``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from rpcfw.spi.machine import Machine
from rpcfw.spi.protocol import Match, WireProtocol
from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw.transport.connection.lingering import Lingering
from rpcfw.transport.network.address_text import address_text
from rpcfw.transport.network.caller_certificate import caller_identity
from rpcfw.transport.network.capacity import Capacity
from rpcfw.transport.network.end_reason import drop_frames, handshake_error

__all__ = ["Acceptor"]

#: With so many bytes every protocol knows whether a connection is its own.
_MAX_SNIFFED_BYTES = 64
#: A connection that is recognised has at least so long for the rest of its handshake: the time
#: before may be the fault of this process.
_MIN_HANDSHAKE_S = 1.0


class Acceptor(Factory):
    """
    Makes the drivers of one port.

    Args:
        protocols: the protocols of the port.
        make_machine: returns the machine of one connection, for a protocol.
        owner: observes the drivers.
        clock: for the timeout.
        handshake_timeout_s: how long the handshake of a connection may take.
        quota: where it is counted what connections hold for their peers.
        capacity: limits the number of connections. One too many is closed at once.
    """

    noisy = False

    def __init__(
        self,
        protocols: Sequence[WireProtocol],
        make_machine: Callable[[WireProtocol], Machine],
        owner: DriverObserver,
        clock: Clock,
        handshake_timeout_s: float,
        quota: BufferQuota,
        capacity: Capacity,
    ) -> None:
        self.protocols = tuple(protocols)
        self.alpn = [protocol.alpn for protocol in protocols if protocol.alpn]
        included = {name for protocol in protocols for name in protocol.includes}
        #: The protocols that connections are for.
        self.candidates = tuple(each for each in protocols if each.name not in included)
        self.clock = clock
        self.handshake_timeout_s = handshake_timeout_s
        self._make_machine = make_machine
        self.owner = owner
        self._quota = quota
        #: Keeps the drivers that are closed until their sockets are.
        self.lingering: Lingering | None = None
        self.capacity = capacity

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """
        Return the protocol of a new connection; None closes it.
        """
        return _Sniffer(self) if self.capacity.enter(addr) else None

    def driver(self, protocol: WireProtocol, handshake_timeout_s: float) -> Driver:
        """
        Return the driver of a connection whose protocol is known.
        """
        machine = self._make_machine(protocol)
        driver = Driver(machine, self.owner, self.clock, True, handshake_timeout_s, self._quota)
        driver.wire = protocol.name
        driver.lingering = self.lingering
        return driver


class _Sniffer(Protocol):
    """
    Reads until the protocol is known. Then the driver takes over the transport.
    """

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor
        #: The protocols that may still recognise it.
        self._candidates = acceptor.candidates
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
        start = self._data[:_MAX_SNIFFED_BYTES]
        unsure = []
        for protocol in self._candidates:
            match = protocol.match(start)
            if match is Match.YES:
                self._hand_over(protocol)
                return
            if match is Match.MORE:
                unsure.append(protocol)
        self._candidates = tuple(unsure)
        if len(start) == _MAX_SNIFFED_BYTES or not unsure:
            refusal = self._refusal(start)
            if refusal is not None:
                self._refuse(refusal)

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
        transport = cast(Any, self.transport)
        try:
            identity = caller_identity(transport)
        except ValueError as error:
            peer = address_text(transport.getPeer())
            self._acceptor.owner.handshake_failed(peer, str(error))
            self._refused = True
            transport.abortConnection()
            return
        limit_s = self._acceptor.handshake_timeout_s
        spent_s = self._acceptor.clock.seconds() - self._since
        left_s = max(limit_s - spent_s, min(limit_s, _MIN_HANDSHAKE_S))
        driver = self._acceptor.driver(protocol, left_s)
        driver.identity = identity
        # From now on the transport calls the driver itself: one call less a read.
        # Over TLS the transport is itself a protocol, with ours inside of it.
        inside = "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol"
        setattr(transport, inside, driver)
        driver.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted's
        driver.dataReceived(self._data)

    def _settled(self) -> None:
        if self._timer.active():
            self._timer.cancel()

    def _refuse(self, refusal: bytes) -> None:
        self._refused = True
        transport = cast(Any, self.transport)
        transport.write(refusal)
        transport.loseConnection()

    def _refusal(self, start: bytes) -> bytes | None:
        """
        Return the answer to the peer; None while more bytes are needed to decide.
        """
        protocols = self._acceptor.protocols
        names = ", ".join(protocol.name for protocol in protocols)
        reason = f"This is an rpcfw port. It speaks: {names}. What came is none of these."
        unsure = False
        for protocol in protocols:
            refusal = protocol.refusal(start, reason)
            if isinstance(refusal, bytes):
                return refusal
            unsure = unsure or refusal is Match.MORE
        if unsure and len(start) < _MAX_SNIFFED_BYTES:
            return None
        takes_text = all(protocol.text_errors for protocol in protocols)
        return f"{reason}\n".encode() if takes_text else b""

    def _too_slow(self) -> None:
        cast(Any, self.transport).abortConnection()
