"""
One connection as Twisted sees it: bytes to a machine, what it says to the socket.

Theory of operation. All that a connection reads in one turn of the reactor is one
`dataReceived`. What is said to the machine meanwhile is gathered and written at its
end, or after each `BUNCH` of events if there are many; what is said at other times
is written at once, and Twisted gathers that until the socket is next writable.

A connection is *over* once it is closed from either side or the machine has failed.
That is told then and there; the socket may take a while longer to write what it
has, but not for ever.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IPushProducer, ITCPTransport, ITransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.spi.clock import Clock
from rpcfw.spi.protocol import Machine
from rpcfw.spi.waiting import Waiter, sleep
from rpcfw.transport.direct import direct_write

__all__ = ["BUNCH", "LINGER_S", "Connection", "address_text"]

#: So many events are acted on before what they led to is written. Were a turn with
#: hundreds of calls written only at its end, the peer would have nothing to do until
#: then, and then this side nothing: two processors would do the work of one.
BUNCH = 16

#: What is asked of the socket at once, and what is asked once there was as much: a
#: large message then comes in few reads, and small ones cost no large buffers.
_READ_BYTES = 64 << 10
_LARGE_READ_BYTES = 1 << 20

#: How long a closed connection may still take to write what it has.
LINGER_S = 5.0


@implementer(IPushProducer)
class Connection(Protocol, ABC):
    """
    The part of a `rpcfw.transport.driver.Driver` that knows no calls.

    Args:
        machine: its protocol.
        clock: to note when the peer was last heard.
        pause_reading: stop reading while the peer does not read: for servers,
            whose clients would else have them keep answers without bound.
        hello_timeout_s: how long the peer may take to greet; None for ever.
    """

    transport: ITransport
    #: What is done about each event that the machine reports.
    _ACTIONS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {}

    def __init__(
        self, machine: Machine, clock: Clock, pause_reading: bool, hello_timeout_s: float | None
    ) -> None:
        self.machine = machine
        self.peer = ""
        self.heard_at = 0.0
        #: Called after each bunch of events, if set: calls may have ended.
        self.on_progress: Callable[[], None] | None = None
        self._clock = clock
        self._seconds = clock.seconds
        self._pause_reading = pause_reading
        self._hello_timeout_s = hello_timeout_s
        self._timer: Any = None
        self._gathering = False
        self._reads_large = False
        #: The socket takes no more for now.
        self.full = False
        self._writable: Waiter[None] | None = None
        self._over = False

    # What is asked.

    def flush(self) -> None:
        """
        Write what the machine has to say, now or at the end of this turn's reading.
        """
        if not self._gathering:
            self._write()

    async def when_writable(self) -> None:
        """
        Return once the socket takes more: what slows a stream down to its reader.
        """
        while self.full and not self._over:
            waiter = self._writable
            if waiter is None:
                waiter = self._writable = Waiter()
            shared: Waiter[None] = Waiter()
            waiter.addCallback(_pass_on, shared)
            await shared

    async def next_turn(self) -> None:
        """
        Return in the reactor's next turn, once everybody else had theirs.
        """
        await sleep(self._clock, 0)

    def leave(self, reason: str) -> None:
        """
        Tell the peer that no new calls are taken on this connection.
        """
        self.machine.leave(reason)
        self.flush()

    def close(self, reason: str) -> None:
        """
        Close the connection once what was written has left.
        """
        if self._over:
            return
        self.machine.closing(reason)
        self._write()
        transport = cast(Any, self.transport)
        # A transport with a producer that it has paused would wait for it, for ever.
        transport.unregisterProducer()
        transport.loseConnection()
        self._end(reason)
        self._set_timer(LINGER_S, self._abort)

    def abort(self, reason: str) -> None:
        """
        Close the connection at once; what was not yet sent is dropped.
        """
        if not self._over:
            self._abort()
            self._end(reason)

    # What Twisted tells.

    def connectionMade(self) -> None:
        transport = self.transport
        self.peer = address_text(transport.getPeer())
        self.heard_at = self._seconds()
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        cast(Any, transport).registerProducer(self, True)
        self._offer = direct_write(transport)
        if self._hello_timeout_s is not None:
            self._set_timer(self._hello_timeout_s, self._not_greeted)
        self._connected()
        self.machine.start()
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        self.heard_at = self._seconds()
        if (len(data) >= _READ_BYTES) is not self._reads_large:
            self._change_read_size()
        self._gathering = True
        try:
            events = self.machine.receive(data)
            for start in range(0, len(events), BUNCH):
                if start:
                    self._offer_output()
                for event in events[start : start + BUNCH]:
                    self._ACTIONS[event.__class__](self, event)
        finally:
            self._gathering = False
            self._offer_output()

    def _change_read_size(self) -> None:
        self._reads_large = not self._reads_large
        # A socket's transport looks at it for each read; to others it says nothing.
        size = _LARGE_READ_BYTES if self._reads_large else _READ_BYTES
        cast(Any, self.transport).bufferSize = size

    def _offer_output(self) -> None:
        if self.on_progress is not None:
            self.on_progress()
        data = self.machine.take_output()
        if data and not self._over:
            self._offer(data)

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]  # Twisted's own default
        self._set_timer(None)
        if not self._over:
            self._end(reason.getErrorMessage())

    def pauseProducing(self) -> None:
        self.full = True
        if self._pause_reading:
            cast(IPushProducer, self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        self.full = False
        if self._pause_reading:
            cast(IPushProducer, self.transport).resumeProducing()
        self._resume_writers()

    def stopProducing(self) -> None:
        """
        The transport is going away; `connectionLost` says so.
        """

    # Pieces.

    def _write(self) -> None:
        data = self.machine.take_output()
        if data and not self._over:
            self.transport.write(data)

    def _end(self, reason: str) -> None:
        self._over = True
        self._set_timer(None)
        # What is asked of it from now on is refused, or dropped, there.
        self.machine.fail(reason)
        self._resume_writers()
        self._ended_with(reason)

    @abstractmethod
    def _connected(self) -> None:
        """
        The peer is at the other end; nothing was said yet.
        """

    @abstractmethod
    def _ended_with(self, reason: str) -> None:
        """
        The connection is of no more use.
        """

    def _greeted(self) -> None:
        """
        The peer has greeted in time.
        """
        if not self._over:
            self._set_timer(None)

    def _abort(self) -> None:
        transport = cast(Any, self.transport)
        # Not every transport can be aborted; those that cannot have nothing to wait for.
        getattr(transport, "abortConnection", transport.loseConnection)()

    def _not_greeted(self) -> None:
        self.abort(f"no hello within {self._hello_timeout_s:g} s")

    def _set_timer(self, delay_s: float | None, call: Callable[[], None] | None = None) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        if delay_s is not None and call is not None:
            self._timer = self._clock.callLater(delay_s, call)

    def _resume_writers(self) -> None:
        waiter, self._writable = self._writable, None
        if waiter is not None:
            waiter.callback(None)


def _pass_on(result: None, waiter: Waiter[None]) -> None:
    if not waiter.called:
        waiter.callback(None)


def address_text(address: IAddress) -> str:
    """
    Return an end of a connection as people read it.
    """
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return "a local peer"
    if port is None:
        return str(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
