"""
One connection as Twisted sees it: bytes to a machine, what it says to the socket.

Theory of operation. All that a connection reads in one turn of the reactor is one
`dataReceived`. What is said to the machine meanwhile is gathered and written at its
end, or after each `BUNCH` of events if there are many; what is said at other times
is written at once, and Twisted gathers that until the socket is next writable.

One read may hold thousands of requests. A connection acts on so many events in a turn,
for so long, and with so many bytes of answers as the constants below say. The rest waits
in its `Backlog` for the next turn, after all other connections had theirs. A server's
connection whose socket takes no more begins nothing until it does. Bytes that come while
anything waits are kept as they are, and then no more are read.

A connection is *over* once it is closed from either side or the machine has failed.
That is told then and there; the socket may take a while longer to write what it
has, but not for ever.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from operator import length_hint
from typing import Any, ClassVar, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer, ITCPTransport, ITransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.spi.events import Event, RequestReceived
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import Waiter, running_loop, sleep
from rpcfw.transport.connection.backlog import Backlog
from rpcfw.transport.connection.direct_write import direct_write
from rpcfw.transport.connection.lingering import Lingering
from rpcfw.transport.connection.postponed import Postponed
from rpcfw.transport.connection.read_size import READ_BYTES, SMALL_READ_BYTES, read_size
from rpcfw.transport.connection.unsent import UnsentBytes
from rpcfw.transport.network.address_text import address_text
from rpcfw.transport.network.tls import drop_frames, end_reason

__all__ = ["BUNCH", "LINGER_S", "Connection"]

#: So many events are acted on before what they led to is written. Were a turn with
#: hundreds of calls written only at its end, the peer would have nothing to do until
#: then, and then this side nothing: two processors would do the work of one.
BUNCH = 16

#: What one connection does in a turn at most, before all others have theirs.
TURN_EVENTS = 256
TURN_S = 0.002
TURN_BYTES = 1 << 20
#: Answers above this are written one by one, so that it is seen when the socket is full.
_LARGE_BYTES = 16 << 10

#: How long a closed connection may still take to write what it has.
LINGER_S = 5.0


@implementer(IPushProducer)
class Connection(Protocol, ABC):
    """
    The part of a `rpcfw.transport.connection.driver.Driver` that knows no calls.

    Args:
        machine: its protocol.
        clock: to note when the peer was last heard.
        pause_reading: stop reading while the peer does not read: for servers,
            whose clients would else have them keep answers without bound.
        handshake_timeout_s: how long the peer may take to greet; None for ever.
        unsent: where bytes are counted that a full socket keeps; None for nowhere.
    """

    transport: ITransport
    #: What is done about each event that the machine reports.
    _ACTIONS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {}

    def __init__(
        self,
        machine: Machine,
        clock: Clock,
        pause_reading: bool,
        handshake_timeout_s: float | None,
        unsent: UnsentBytes | None = None,
    ) -> None:
        self.machine = machine
        self.peer = ""
        #: When the bytes came that are acted on, or were last.
        self.heard_at = 0.0
        #: Called after each bunch of events, if set: calls may have ended.
        self.on_progress: Callable[[], None] | None = None
        #: Where it is kept between its close and that of its socket, if anywhere.
        self.lingering: Lingering | None = None
        self._clock = clock
        self._seconds = clock.seconds
        self._pause_reading = pause_reading
        self._handshake_timeout_s = handshake_timeout_s
        self._timer: Any = None
        self._gathering = False
        self._read_bytes = READ_BYTES
        self._backlog = Backlog()
        #: The next turn, if anything waits for it.
        self._scheduled: Any = None
        #: This turn is over.
        self._halted = False
        #: What comes has to wait, behind what waits already or for the socket.
        self.held = False
        #: Reading is paused.
        self._paused = False
        self._turn_bytes = 0
        self._turn_events = TURN_EVENTS
        self._unsent = unsent
        #: Bytes that may wait for the peer's flow control before its calls are postponed.
        self._max_waiting = sys.maxsize if unsent is None else unsent.max_connection_bytes
        self._postponed = Postponed(self._max_waiting)
        #: How many wait, as last told to `unsent`.
        self._waiting_bytes = 0
        #: The socket takes no more for now.
        self.full = False
        self._writers: deque[Waiter[None]] = deque()
        #: Closed from either side, or failed.
        self.over = False

    @property
    def alive_at(self) -> float:
        """
        When the peer was last known to be alive; now, while it is this side that waits.
        """
        return self._seconds() if self._backlog and not self.full else self.heard_at

    # What is asked.

    def flush(self, size: int = 0) -> None:
        """
        Write what the machine has to say, now or at the end of this turn's reading.

        Args:
            size: of the message that it was asked to send, if that may be large.
        """
        if not self._gathering:
            self._write()
        elif size > _LARGE_BYTES:
            self._write_large()

    async def when_writable(self) -> None:
        """
        Return once the socket takes more: what slows a stream down to its reader.

        Writers go on one after the other, until the socket is full again.
        """
        while self.full and not self.over:
            waiter: Waiter[None] = Waiter()
            self._writers.append(waiter)
            await waiter

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
        if not self.over:
            self.machine.closing(reason)
            self._write()
            self._close_socket(reason)

    def _close_socket(self, reason: str) -> None:
        if self.over:
            return  # cut off: what was written last was too much
        transport = cast(Any, self.transport)
        # A transport with a producer that it has paused would wait for it, for ever.
        transport.unregisterProducer()
        if self._paused:
            transport.resumeProducing()  # over TLS the peer's own close has to be read
        if self.lingering is not None:
            self.lingering.add(self)
        transport.loseConnection()
        self._end(reason)
        self._set_timer(LINGER_S, self._abort)

    def abort(self, reason: str) -> None:
        """
        Close the connection at once; what was not yet sent is dropped.
        """
        if not self.over:
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
        if self._pause_reading and running_loop() is not None:
            # Methods run as Tasks, whose results are all kept until the turn is over.
            self._turn_events = BUNCH
        if self._handshake_timeout_s is not None:
            self._set_timer(self._handshake_timeout_s, self._not_greeted)
        self._connected()
        self.machine.start()
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        if self.held:
            self._put_aside(data)
            return
        self.heard_at = self._seconds()
        self._gathering = True
        try:
            events = self.machine.receive(data)
            if len(data) >= SMALL_READ_BYTES or self._read_bytes != READ_BYTES:
                self._choose_read_size(len(data), len(events))
            if self._postponed.calls or self._waiting_bytes > self._max_waiting:
                events = self._postponed.due(events, self.machine)
            rest = iter(events)
            if len(events) > BUNCH:
                self._take_turn(rest)
            else:
                for event in rest:
                    self._ACTIONS[event.__class__](self, event)
                    if self._halted:
                        break
        finally:
            self._offer_output()
            self._gathering = False
        if self._halted or len(events) > BUNCH:
            if length_hint(rest) and not self.over:
                self._backlog.put(rest)
            self._end_turn()

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]  # Twisted's own default
        rest: list[Event] = []
        try:
            if not self.over:
                rest = self._last_events()
        finally:
            self._set_timer(None)
            if self._unsent is not None:
                self._unsent.remove(self._cut_off)
            if self.lingering is not None:
                self.lingering.discard(self)
            if not self.over:
                self._end(end_reason(reason))
                self._backlog.put(iter(rest))
                self._end_turn()
            drop_frames(reason)

    def pauseProducing(self) -> None:
        self.full = True
        if self._pause_reading:
            self._halted = self.held = True
            self._pause()

    def resumeProducing(self) -> None:
        self.full = False
        if self._unsent is not None:
            self._unsent.drained(self._cut_off)
        self._end_turn()
        self._resume_writers()

    def stopProducing(self) -> None:
        """
        The transport is going away; `connectionLost` says so.
        """

    # Turns.

    def _take_turn(self, events: Iterator[Event]) -> None:
        """
        Act on events, as far as one turn goes.
        """
        ends_at = self._seconds() + TURN_S
        actions = self._ACTIONS
        for _ in range(self._turn_events // BUNCH):
            for event in islice(events, BUNCH):
                actions[event.__class__](self, event)
                if self._halted:
                    return
            if not length_hint(events):
                return
            self._offer_output()
            if self._halted or self._seconds() >= ends_at:
                return

    def _end_turn(self) -> None:
        """
        Have what waits acted on in the next turn, or once the socket takes more.
        """
        self._turn_bytes = 0
        self._halted = False
        self._postpone()
        full = self._is_full()
        self.held = full or bool(self._backlog)
        if not full and self._backlog and self._scheduled is None:
            self._scheduled = self._clock.callLater(0, self._go_on)
        elif not self.held and self._paused and not self.over:
            self._paused = False
            cast(IPushProducer, self.transport).resumeProducing()

    def _postpone(self) -> None:
        if self._postponed.calls or self._waiting_bytes > self._max_waiting:
            self._postponed.sort(self._backlog, self.machine)
            self.flush()  # calls that were refused

    def _is_full(self) -> bool:
        return self.full and self._pause_reading and not self.over

    def _go_on(self) -> None:
        self._scheduled = None
        if self._is_full():
            return  # it has become so since
        self._gathering = True
        try:
            if self._backlog and not length_hint(self._backlog.events):
                self.heard_at = self._backlog.read(self.machine)
                self._postpone()
            self._take_turn(self._backlog.events)
        except BaseException:
            # So Twisted ends a connection that fails while it is read from.
            self.abort("this side failed")
            raise
        finally:
            self._offer_output()
            self._gathering = False
            self._end_turn()

    def _put_aside(self, data: bytes) -> None:
        if not self.over:
            self._backlog.put_bytes(data, self._seconds())
            self._pause()

    def _pause(self) -> None:
        self._paused = True
        cast(IPushProducer, self.transport).pauseProducing()

    def _last_events(self) -> list[Event]:
        """
        Look at what waits as the connection ends; return what is still to be acted on.

        At a client that is all that came before, and is acted on here and now. At a
        server it is calls whose callers wait for nothing: they are begun in later turns.
        """
        kept: list[Event] = []
        while self._backlog:
            if not length_hint(self._backlog.events):
                self._backlog.read(self.machine)
            for event in self._backlog.events:
                if not self._pause_reading:
                    self._ACTIONS[event.__class__](self, event)
                elif type(event) is RequestReceived and event.head.one_way:
                    kept.append(event)
        return kept

    # Pieces.

    def _write(self) -> None:
        data = self.machine.take_output()
        if data and not self.over:
            self.transport.write(data)
            if self.full and self._unsent is not None:
                self._unsent.add(self._cut_off, len(data))
        if self.machine.unsent_bytes != self._waiting_bytes:
            self._count_waiting()

    def _offer_output(self) -> None:
        if self.on_progress is not None:
            self.on_progress()
        data = self.machine.take_output()
        if data and not self.over:
            self._offer(data)
            if self.full and self._unsent is not None:
                self._unsent.add(self._cut_off, len(data))
        if self.machine.unsent_bytes != self._waiting_bytes:
            self._count_waiting()

    def _write_large(self) -> None:
        """
        Write an answer in the midst of a turn; end the turn if it is one too many.
        """
        data = self.machine.take_output()
        if data and not self.over:
            self._offer(data)
            if self.full and self._unsent is not None:
                self._unsent.add(self._cut_off, len(data))
            self._turn_bytes += len(data)
            if self._turn_bytes >= TURN_BYTES:
                self._halted = True
        if self.machine.unsent_bytes != self._waiting_bytes:
            self._count_waiting()

    def _count_waiting(self) -> None:
        """
        Note what the peer's flow control keeps; begin no further calls if it is too much.
        """
        before, self._waiting_bytes = self._waiting_bytes, self.machine.unsent_bytes
        if self._unsent is None or self.over:
            return
        self._unsent.wait(self._cut_off, self._waiting_bytes)
        if self._waiting_bytes > self._max_waiting:
            self._halted = True
        elif before > self._max_waiting and self._postponed.calls:
            # It was not the peer that made room: nothing that is read will tell.
            if self._gathering:
                self._halted = True  # and the end of this turn sees to it
            else:
                self._end_turn()

    def _choose_read_size(self, size: int, events: int) -> None:
        took_s = self._seconds() - self.heard_at
        chosen = read_size(self._read_bytes, size, took_s, large=events <= BUNCH)
        if chosen != self._read_bytes:
            self._read_bytes = chosen
            # A socket's transport looks at it for each read; to others it says nothing.
            cast(Any, self.transport).bufferSize = chosen

    # The end.

    def _end(self, reason: str) -> None:
        self.over = self._halted = self.held = True
        self._set_timer(None)
        self._backlog.clear()
        self._postponed.clear()
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
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
        if not self.over:
            self._set_timer(None)

    def _cut_off(self, reason: str) -> None:
        """
        Drop what the socket keeps for the peer, also of a connection that is closed.
        """
        if self.over:
            self._abort()
        self.abort(reason)

    def _abort(self) -> None:
        transport = cast(Any, self.transport)
        # Not every transport can be aborted; those that cannot have nothing to wait for.
        getattr(transport, "abortConnection", transport.loseConnection)()

    def _not_greeted(self) -> None:
        self.abort(f"no hello within {self._handshake_timeout_s:g} s")

    def _set_timer(self, delay_s: float | None, call: Callable[[], None] | None = None) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        if delay_s is not None and call is not None:
            self._timer = self._clock.callLater(delay_s, call)

    def _resume_writers(self) -> None:
        writers = self._writers
        while writers and (self.over or not self.full):
            waiter = writers.popleft()
            if not waiter.called:  # else it was given up
                waiter.callback(None)
