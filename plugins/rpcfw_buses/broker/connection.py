"""
One connection to a broker: a machine on a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw_buses.broker.machine import BrokerError, BrokerMachine

__all__ = ["BrokerConnection"]

#: When a connection is closed, what was written has this time to leave.
_CLOSE_S = 1.0


@implementer(IPushProducer)
class BrokerConnection(Protocol):
    """
    Gives a machine what arrives, sends what it says, and pings.

    It is a producer: once the socket takes no more, messages wait here, up to a limit.

    Args:
        pauses: of this process, which excuse the broker.
        client_tls: makes what begins TLS where the protocol begins without.
        ping_s: time between pings.
        max_waiting_bytes: of messages.
        on_ready: called once, when the machine is ready.
        on_end: called once, with the reason; at last.
    """

    transport: Any

    def __init__(
        self,
        machine: BrokerMachine,
        clock: Clock,
        pauses: Pauses,
        client_tls: Callable[[], IOpenSSLClientConnectionCreator],
        ping_s: float,
        max_waiting_bytes: int,
        on_ready: Callable[[], None],
        on_end: Callable[[str], None],
    ) -> None:
        self.machine = machine
        self._clock = clock
        self._credit = pauses.credit()
        self._client_tls = client_tls
        self._ping_s = ping_s
        self._max_waiting_bytes = max_waiting_bytes
        self._on_ready = on_ready
        self._on_end = on_end
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._paused = False
        self._received = True
        self._closing = self._ended = False
        self._timer: DelayedCall | None = None
        self._abort: DelayedCall | None = None

    # Of the bus.

    @property
    def ready(self) -> bool:
        """
        Whether messages can be sent and received.
        """
        return self.machine.ready and not (self._closing or self._ended)

    def publish(self, subject: str, message: bytes) -> bool:
        """
        Send a message, or let it wait; return False if too many bytes wait already.
        """
        encoded = self.machine.encode(subject, message)
        if not self._paused:
            self.transport.write(encoded)
            return True
        if self._waiting_bytes + len(encoded) > self._max_waiting_bytes:
            return False
        self._waiting.append(encoded)
        self._waiting_bytes += len(encoded)
        return True

    def subscribe(self, subject: str) -> None:
        """
        Have the messages of a subject sent.
        """
        self.machine.subscribe(subject)
        if not self.machine.ready:
            # It must not be called ready before this subscription is in effect, too.
            self.machine.ping()
        self._flush()

    def unsubscribe(self, subject: str) -> None:
        """
        Have no more messages of it sent.
        """
        self.machine.unsubscribe(subject)
        self._flush()

    def close(self) -> None:
        """
        Close it once all is written, or soon.
        """
        if not self._closing:
            self._closing = True
            self.resumeProducing()
            # A transport that has a producer waits for it before it closes.
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            self._abort = self._clock.callLater(_CLOSE_S, self.transport.abortConnection)

    def fail(self, reason: str) -> None:
        """
        Give the connection up, at once.
        """
        if not self._ended:
            self.transport.abortConnection()
            self._end(reason)

    # Of Twisted.

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self.machine.begin()
        self._flush()
        self._timer = self._clock.callLater(self._ping_s, self._ping)

    def dataReceived(self, data: bytes) -> None:
        if self._ended:
            return
        self._received = True
        was_ready = self.machine.ready
        try:
            self.machine.receive(data)
        except BrokerError as error:
            self.fail(str(error))
            return
        if self.machine.wants_tls:
            self._start_tls()
        self._flush()
        if self.machine.ready and not was_ready:
            self._on_ready()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end(f"the connection ended: {reason.getErrorMessage()}")

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        if self._waiting:
            waiting = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            self.transport.write(waiting)

    def stopProducing(self) -> None:
        """
        Nothing: the end of the connection follows.
        """

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        for timer in (self._timer, self._abort):
            if timer is not None and timer.active():
                timer.cancel()
        self._waiting.clear()
        self._on_end(reason)

    def _start_tls(self) -> None:
        self.transport.startTLS(self._client_tls())
        self.machine.tls_started()

    def _ping(self) -> None:
        """
        Give up a broker from which nothing arrived since the last ping, and ping again.
        """
        if not self._received and not self._credit.pays(self._ping_s):
            self.fail(f"the broker has not answered a ping within {self._ping_s:g}s")
            return
        if self.machine.ready:
            self._received = False
            self.machine.ping()
            self._flush()
        self._timer = self._clock.callLater(self._ping_s, self._ping)

    def _flush(self) -> None:
        if output := self.machine.take_output():
            self.transport.write(output)
