"""
A network inside one process: connections by name, without sockets, on any clock.

Bytes that are written in one turn arrive together in a later one, as over a socket. So the
order of events is that of a real network without latency. The same holds for the end of a
connection, whichever end closes it. Tests can cut connections: `MemoryNetwork.connections`
lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import error
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.spi.runtime.clock import Clock

__all__ = ["MemoryConnection", "MemoryNetwork"]

#: With more unread bytes than this a writer is paused, as Twisted does for sockets.
_BUFFER_BYTES = 1 << 16


@implementer(IAddress)
class MemoryAddress:
    """
    The name of an end, in the place of a host.
    """

    def __init__(self, name: str) -> None:
        self.host = f"memory:{name}"


class MemoryNetwork:
    """
    The listeners, by name.

    Args:
        clock: bytes arrive in its next turn.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._open: dict[MemoryConnection, None] = {}
        self._listening: dict[str, IProtocolFactory] = {}

    @property
    def connections(self) -> list[MemoryConnection]:
        """
        Those that are open, oldest first.
        """
        return list(self._open)

    def listen(self, name: str, factory: IProtocolFactory) -> IListeningPort:
        """
        Accept connections to ``name``.

        Raises:
            OSError: somebody does already.
        """
        if name in self._listening:
            raise OSError(f"memory:{name} is in use")
        self._listening[name] = factory
        factory.doStart()
        return _Port(self, name)

    def connect(self, name: str, factory: IProtocolFactory) -> IProtocol:
        """
        Return the client's protocol, connected.

        Raises:
            ConnectError: nobody listens under the name.
        """
        accepting = self._listening.get(name)
        server = None if accepting is None else accepting.buildProtocol(MemoryAddress("client"))
        if server is None:
            raise error.ConnectionRefusedError(f"nobody listens at memory:{name}")
        client = factory.buildProtocol(MemoryAddress(name))
        assert client is not None
        near, far = _End(self.clock, name), _End(self.clock, "client")
        connection = MemoryConnection(near, far)
        self._open[connection] = None
        near.join(client, far, lambda: self._open.pop(connection, None))
        far.join(server, near, lambda: self._open.pop(connection, None))
        server.makeConnection(far)
        client.makeConnection(near)
        return client

    def stop_listening(self, name: str) -> None:
        """
        Refuse connections to ``name`` from now on.
        """
        factory = self._listening.pop(name, None)
        if factory is not None:
            factory.doStop()

    def is_listening(self, name: str) -> bool:
        """
        Tell whether connections to ``name`` are accepted.
        """
        return name in self._listening


class MemoryConnection:
    """
    Both ends of a connection, for tests that cut it.
    """

    def __init__(self, near: _End, far: _End) -> None:
        self._ends = (near, far)

    @property
    def open(self) -> bool:
        return not self._ends[0].gone

    def cut(self) -> None:
        """
        Lose the connection at both ends at once, with whatever was on its way.
        """
        for end in self._ends:
            end.lose(Failure(error.ConnectionAborted()))

    def freeze(self) -> None:
        """
        Let nothing through, not even a close, until `thaw`.
        """
        for end in self._ends:
            end.frozen = True

    def thaw(self) -> None:
        """
        Let through what was held; an end that was closed in the meantime is reset.
        """
        for end, other in (self._ends, self._ends[::-1]):
            end.frozen = False
            if other.gone:
                end.lose(Failure(error.ConnectionLost()))
            end.schedule()


@implementer(ITransport, IPushProducer, IConsumer)
class _End:
    """
    One end: a transport to its protocol.
    """

    def __init__(self, clock: Clock, peer: str) -> None:
        self.protocol: IProtocol | None = None
        self.reading = True
        self.gone = False
        self.frozen = False
        self._clock = clock
        self._peer = peer
        self._other: _End | None = None
        self._lost: Callable[[], object] = lambda: None
        self._sent: list[bytes] = []
        self._sent_bytes = 0
        self._scheduled = False
        self._closing = False
        self._aborted = False
        self._producer: Any = None
        self._producer_paused = False

    def join(self, protocol: IProtocol, other: _End, lost: Callable[[], object]) -> None:
        self.protocol = protocol
        self._other = other
        self._lost = lost

    @property
    def disconnecting(self) -> bool:
        """
        Whether it was closed here; Twisted's protocols of lines ask for this.
        """
        return self._closing

    # ITransport.

    def write(self, data: bytes) -> None:
        if self._closing or self.gone or not data:
            return
        self._sent.append(data)
        self._sent_bytes += len(data)
        if self._sent_bytes > _BUFFER_BYTES and self._producer and not self._producer_paused:
            self._producer_paused = True
            self._producer.pauseProducing()
        self.schedule()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self._closing = True
        self.reading = False
        self.schedule()

    def abortConnection(self) -> None:
        if not self.gone and not self._aborted:
            self._closing = self._aborted = True
            self.reading = False
            self._sent.clear()
            self._clock.callLater(0, self.lose, Failure(error.ConnectionAborted()))
            if self._other is not None and not self.frozen:
                self._clock.callLater(0, self._other.lose, Failure(error.ConnectionLost()))

    def getPeer(self) -> MemoryAddress:
        return MemoryAddress(self._peer)

    def getHost(self) -> MemoryAddress:
        return MemoryAddress("here")

    # IPushProducer: this end's reading.

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = not self._closing
        if self._other is not None:
            self._other.schedule()

    def stopProducing(self) -> None:
        self.loseConnection()

    # IConsumer: this end's writing.

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def lose(self, reason: Failure) -> None:
        if not self.gone:
            self.gone = True
            self._sent.clear()
            self._lost()
            # As a socket's transport does: it forms no reference cycle with its protocol.
            protocol, self.protocol, self._producer = self.protocol, None, None
            assert protocol is not None
            protocol.connectionLost(reason)

    def schedule(self) -> None:
        """
        Deliver the written bytes in the next turn.
        """
        if not self._scheduled and not self.gone:
            self._scheduled = True
            self._clock.callLater(0, self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        other = self._other
        if self.gone or self._aborted or other is None or other.gone or self.frozen:
            return
        if self._sent and not other.reading:
            return
        data, self._sent = b"".join(self._sent), []
        self._sent_bytes = 0
        if data:
            other._receive(data)  # noqa: SLF001  # of this class
        if self._producer_paused and self._producer:
            self._producer_paused = False
            self._producer.resumeProducing()
        elif self._closing and not self._sent:
            other.lose(Failure(error.ConnectionDone()))
            self.lose(Failure(error.ConnectionDone()))

    def _receive(self, data: bytes) -> None:
        assert self.protocol is not None
        try:
            self.protocol.dataReceived(data)
        except BaseException as failed:
            # As of a socket whose protocol fails: the reactor closes it.
            if self._other is not None:
                self._clock.callLater(0, self._other.lose, Failure(error.ConnectionLost()))
            self.lose(Failure(failed))
            raise


@implementer(IListeningPort)
class _Port:
    def __init__(self, network: MemoryNetwork, name: str) -> None:
        self._network = network
        self._name = name

    def startListening(self) -> None:
        """
        It already does.
        """

    def stopListening(self) -> None:
        self._network.stop_listening(self._name)

    def getHost(self) -> MemoryAddress:
        return MemoryAddress(self._name)
