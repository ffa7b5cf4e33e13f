"""
One connection as Twisted sees it: received bytes to a machine, its output to the socket.

Theory of operation. All that a connection reads in one turn of the reactor is one
`dataReceived`. Its `Turns` decide how much of it is acted on at once; its `Output` decides
what is written, and when.

A connection is *over* once it is closed from either side or the machine has failed. Its calls
end at that moment. The socket may take longer to write what it has, up to `LINGER_S`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer, ITCPTransport, ITransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.spi.events import Event
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Status
from rpcfw.transport.connection.buffer_quota import Buffering, BufferQuota
from rpcfw.transport.connection.byte_counts import NOT_COUNTED
from rpcfw.transport.connection.deadline import Deadline
from rpcfw.transport.connection.lingering import Lingering
from rpcfw.transport.connection.output import Output
from rpcfw.transport.connection.read_size import READ_BYTES, SMALL_READ_BYTES, ReadSize
from rpcfw.transport.connection.tls_close import close_transport
from rpcfw.transport.connection.turns import BUNCH, TURN_EVENTS, Turns
from rpcfw.transport.network.address_text import address_text
from rpcfw.transport.network.direct_protocol import connect_directly
from rpcfw.transport.network.end_reason import drop_frames, end_reason

__all__ = ["LINGER_S", "Connection"]

#: How long a closed connection may still take to write what it has.
LINGER_S = 5.0


@implementer(IPushProducer)
class Connection(Protocol, Buffering):
    """
    The part of a `rpcfw.transport.connection.driver.Driver` that knows no calls.

    Args:
        machine: its protocol.
        clock: to note when bytes last arrived.
        serves: this is the server's end. It stops reading while the peer does not read;
            otherwise a client could make it keep responses without bound.
        handshake_timeout_s: how long the peer may take for its handshake; None: no limit.
        quota: counts the memory that the peer makes this side hold; None: no limit.
    """

    transport: ITransport
    #: What is done about each event that the machine reports.
    ACTIONS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {}

    def __init__(
        self,
        machine: Machine,
        clock: Clock,
        serves: bool,
        handshake_timeout_s: float | None,
        quota: BufferQuota | None = None,
    ) -> None:
        self.peer = ""
        self.serves = serves
        #: When the bytes arrived that are being acted on, or were last.
        self.received_at = 0.0
        #: Called after each batch of events, if set: calls may have ended.
        self.on_progress: Callable[[], None] | None = None
        #: Where it is listed between its own close and that of its socket, if anywhere.
        self.lingering: Lingering | None = None
        #: Counts what is read. It and `Output.sent` are additions, once for each read and write.
        self._received = NOT_COUNTED.received
        self._machine = machine
        self._clock = clock
        self._handshake_timeout_s = handshake_timeout_s
        self._deadline = Deadline(clock)
        self._read_size = ReadSize()
        self._quota = quota
        output = self._output = Output(machine)
        self._turns = Turns(self, machine, output, clock, quota)

    @property
    def alive_at(self) -> float:
        """
        When the peer was last known to be alive; now, while this side does not read.
        """
        return self._clock.seconds() if self._turns.waiting and not self.full else self.received_at

    @property
    def over(self) -> bool:
        """
        Whether it is closed from either side, or failed.
        """
        return self._output.closed

    @property
    def full(self) -> bool:
        """
        Whether the socket accepts no more for now.
        """
        return self._output.full

    @property
    def held(self) -> bool:
        """
        Whether arriving bytes have to wait: for earlier ones, or for the socket.
        """
        return self._turns.held

    # What is asked.

    @property
    def open_calls(self) -> int:
        """
        See `rpcfw.spi.machine.Machine.open_calls`.
        """
        return self._machine.open_calls

    @property
    def newest_call(self) -> int:
        """
        See `rpcfw.spi.machine.Machine.newest_call`.
        """
        return self._machine.newest_call

    @property
    def unfinished_frame(self) -> int:
        """
        See `rpcfw.spi.machine.Machine.unfinished_frame`.
        """
        return self._machine.unfinished_frame

    def when_writable(self) -> Awaitable[None]:
        """
        See `rpcfw.transport.connection.output.Output.when_writable`.
        """
        return self._output.when_writable()

    async def next_turn(self) -> None:
        """
        Return in the reactor's next turn, when all other connections had theirs.
        """
        await sleep(self._clock, 0)

    def drain(self, reason: str) -> None:
        """
        Send the peer a GOAWAY: no new calls are accepted. Open ones continue.
        """
        self._machine.drain(reason)
        self._output.flush()

    def fail(self, reason: str) -> None:
        """
        Send the peer the reason why this side gives up the connection. `close` follows.

        On some wires this names the last call that was begun (HTTP/2: RFC 9113 section 6.8).
        """
        self._machine.fail(reason)
        self._output.flush()

    def close(self, reason: str) -> None:
        """
        Close the connection once all that was written is sent.
        """
        if not self.over:
            self._machine.closing(reason)
            self._output.emit(self._output.write)
            self._close_socket(reason)

    def _close_socket(self, reason: str) -> None:
        if self.over:
            return  # aborted: the last write went over a limit of unsent bytes
        transport = cast(Any, self.transport)
        # A transport that has paused its producer would wait for it forever.
        transport.unregisterProducer()
        self._turns.read_on()  # over TLS the peer's close_notify has to be read
        if self.lingering is not None:
            self.lingering.add(self)
        close_transport(transport, wait_for_peer=self.serves)
        self._end(reason)
        self._deadline.set(LINGER_S, self._abort)

    def abort(self, reason: str) -> None:
        """
        Close the connection at once; unsent bytes are dropped.
        """
        if not self.over:
            self._abort()
            self._end(reason)

    # Called by Twisted.

    def connectionMade(self) -> None:
        transport = self.transport
        connect_directly(transport, self)
        self.peer = address_text(transport.getPeer())
        self.received_at = self._clock.seconds()
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        cast(Any, transport).registerProducer(self, True)
        self._output.attach(transport)
        if self._handshake_timeout_s is not None:
            self._deadline.set(self._handshake_timeout_s, self._handshake_timed_out)
        self._connected()
        self._machine.start()
        self._output.flush()

    def dataReceived(self, data: bytes) -> None:
        turns = self._turns
        self._received.value += len(data)
        if turns.held:
            turns.put_aside(data)
            return
        self.received_at = self._clock.seconds()
        output = self._output
        output.gathering = True
        try:
            events = self._machine.receive(data)
            if len(data) >= SMALL_READ_BYTES or self._read_size.bytes != READ_BYTES:
                took_s, large = self._clock.seconds() - self.received_at, len(events) <= BUNCH
                self._read_size.adapt(self.transport, len(data), took_s, large=large)
            if turns.over_share or turns.postponed.calls or len(events) > TURN_EVENTS:
                events = turns.due(events)
            rest = iter(events)
            if len(events) > BUNCH:
                turns.take(rest)
            else:
                for event in rest:
                    self.ACTIONS[event.__class__](self, event)
                    if turns.halted:
                        break
        finally:
            self.write_bunch()
            output.gathering = False
        if turns.halted or len(events) > BUNCH:
            turns.end(rest)

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]  # Twisted's own default
        rest: list[Event] = []
        try:
            if not self.over:
                rest = self._turns.last_events()
        finally:
            self._deadline.stop()
            self._output.forget()
            if self.lingering is not None:
                self.lingering.discard(self)
            if not self.over:
                self._end(end_reason(reason))
            if self._quota is not None:
                self._quota.set(self, 0)
            self._turns.lost(rest)
            drop_frames(reason)

    def pauseProducing(self) -> None:
        self._output.full = True
        if self.serves:
            self._turns.hold()

    def resumeProducing(self) -> None:
        self._output.drained()
        self._turns.end()
        self._output.resume_writers()

    def stopProducing(self) -> None:
        """
        The transport is about to close; `connectionLost` follows.
        """

    def write_bunch(self) -> None:
        """
        Write the output of a batch of events.
        """
        if self.on_progress is not None:
            self.on_progress()
        output = self._output
        output.emit(output.offer)
        if self._quota is not None and not output.watched and self._machine.held_bytes:
            self._turns.count()  # of what was read

    # The end.

    def _end(self, reason: str) -> None:
        self._output.closed = True
        self._deadline.stop()
        self._turns.close()
        # From now on the machine refuses or drops what it is asked for.
        self._machine.fail(reason)
        if self._quota is not None:
            self._turns.count()
        self._output.resume_writers()
        self._ended_with(reason)

    @abstractmethod
    def _connected(self) -> None:
        """
        The connection is established; nothing was sent yet.
        """

    @abstractmethod
    def _ended_with(self, reason: str) -> None:
        """
        The connection is over.
        """

    @abstractmethod
    def end_call(self, call_id: int, status: Status, reason: str) -> None:
        """
        End a call at both ends: its caller gets the status, and the method is cancelled.
        """

    def handshake_completed(self) -> None:
        """
        The handshake was completed in time.
        """
        if not self.over:
            self._deadline.stop()

    def share_grew(self) -> None:
        self._turns.resume_postponed()

    def cut_off(self, reason: str) -> None:
        # Also called for a closed connection whose socket still has bytes to write.
        self._output.queued_bytes = 0
        if self.over:
            self._abort()
        self.abort(reason)

    def _abort(self) -> None:
        transport = cast(Any, self.transport)
        # Not every transport can be aborted; those that cannot have nothing to wait for.
        getattr(transport, "abortConnection", transport.loseConnection)()

    def _handshake_timed_out(self) -> None:
        limit_s = self._handshake_timeout_s
        self.abort(f"the handshake was not completed within handshake_timeout of {limit_s:g} s")
