"""
The turns of one connection: how much of what it reads is acted on before others are read.

Theory of operation. One read may hold thousands of requests. A connection acts on so many
events in a turn of the reactor, for so long, and with so many bytes of answers as the
constants below say. The rest waits in its `Backlog` for the next turn, after all other
connections had theirs. A server's connection whose socket takes no more begins nothing until
it does. Bytes that come while anything waits are kept as they are, and then no more are read.

A turn is *halted* when no further event of it may be acted on. What comes is *held* while
anything waits before it. A connection is *blocked* while the peer's flow control keeps too
much of what was answered: then its further calls are `Postponed`, and the rest goes on.

Twice a caller cancels a call that was read and has not begun: while that waits for its turn,
and while it is postponed. In both cases it is dropped unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from operator import length_hint
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import IPushProducer

from rpcfw.spi.events import Event, RequestReceived
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.connection.backlog import Backlog
from rpcfw.transport.connection.output import Output
from rpcfw.transport.connection.postponed import Postponed

if TYPE_CHECKING:
    from rpcfw.transport.connection.connection import Connection

__all__ = ["BUNCH", "TURN_BYTES", "TURN_EVENTS", "TURN_S", "Turns"]

#: So many events are acted on before what they led to is written. Were a turn with
#: hundreds of calls written only at its end, the peer would have nothing to do until
#: then, and then this side nothing: two processors would do the work of one.
BUNCH = 16

#: What one connection does in a turn at most, before all others have theirs.
TURN_EVENTS = 256
TURN_S = 0.002
TURN_BYTES = 1 << 20


class Turns:
    """
    One connection's share of the reactor.

    Args:
        connection: it.
        machine: its protocol.
        output: what it writes.
        clock: where the next turn is asked for.
        max_kept_bytes: how many bytes of answers the peer's flow control may keep before
            further calls are postponed.
    """

    __slots__ = (
        "_backlog",
        "_bytes",
        "_clock",
        "_connection",
        "_machine",
        "_max_kept_bytes",
        "_output",
        "_paused",
        "_scheduled",
        "blocked",
        "halted",
        "held",
        "max_events",
        "postponed",
    )

    def __init__(
        self,
        connection: Connection,
        machine: Machine,
        output: Output,
        clock: Clock,
        max_kept_bytes: int,
    ) -> None:
        #: No further event of this turn is acted on.
        self.halted = False
        #: What comes has to wait, behind what waits already or for the socket.
        self.held = False
        #: The peer's flow control keeps too much.
        self.blocked = False
        self.postponed = Postponed(max_kept_bytes)
        #: So many events are acted on in a turn.
        self.max_events = TURN_EVENTS
        self._connection = connection
        self._machine = machine
        self._output = output
        output.on_large_write = self._count_large
        output.on_kept = self._count_kept
        self._clock = clock
        self._max_kept_bytes = max_kept_bytes
        self._backlog = Backlog()
        #: The next turn, if anything waits for it.
        self._scheduled: Any = None
        #: Reading is paused.
        self._paused = False
        #: Written in this turn, by large answers.
        self._bytes = 0

    @property
    def waiting(self) -> bool:
        """
        Whether anything that was read has not been acted on.
        """
        return bool(self._backlog)

    # A turn.

    def take(self, events: Iterator[Event]) -> None:
        """
        Act on events, as far as one turn goes.
        """
        connection, seconds = self._connection, self._clock.seconds
        ends_at = seconds() + TURN_S
        actions = connection.ACTIONS
        for _ in range(self.max_events // BUNCH):
            for event in islice(events, BUNCH):
                actions[event.__class__](connection, event)
                if self.halted:
                    return
            if not length_hint(events):
                return
            connection.write_bunch()
            if self.halted or seconds() >= ends_at:
                return

    def end(self, rest: Iterator[Event] | None = None) -> None:
        """
        Have what waits acted on in the next turn, or once the socket takes more.

        Args:
            rest: what is left of the events of one read.
        """
        connection = self._connection
        if rest is not None and length_hint(rest) and not connection.over:
            self._backlog.put(rest)
        self._bytes = 0
        self.halted = False
        self._postpone()
        full = self._is_full()
        self.held = full or bool(self._backlog)
        if not full and self._backlog and self._scheduled is None:
            self._scheduled = self._clock.callLater(0, self._next)
        elif not self.held and self._paused and not connection.over:
            self._paused = False
            cast(IPushProducer, connection.transport).resumeProducing()

    def _next(self) -> None:
        self._scheduled = None
        if self._is_full():
            return  # it has become so since
        connection = self._connection
        self._output.gathering = True
        try:
            if self._backlog and not length_hint(self._backlog.events):
                connection.received_at = self._backlog.read(self._machine)
                self._postpone()
            self.take(self._backlog.events)
        except BaseException:
            # So Twisted ends a connection that fails while it is read from.
            connection.abort("this side failed")
            raise
        finally:
            connection.write_bunch()
            self._output.gathering = False
            self.end()

    # What has to wait.

    def put_aside(self, data: bytes) -> None:
        """
        Keep bytes that came while others wait, and have no more read.
        """
        if not self._connection.over:
            self._backlog.put_bytes(data, self._clock.seconds())
            self._pause()

    def act_later(self, events: list[Event]) -> None:
        """
        Act on these in the next turn, though the connection is of no more use.
        """
        self._backlog.put(iter(events))
        self.end()

    def due(self, events: list[Event]) -> list[Event]:
        """
        Return what is to be acted on now: of new events, and of calls that were postponed.
        """
        return self.postponed.due(events, self._machine)

    def _postpone(self) -> None:
        if self.postponed.calls or self.blocked:
            self.postponed.sort(self._backlog, self._machine)
            self._output.flush()  # calls that were refused

    def _is_full(self) -> bool:
        connection = self._connection
        return self._output.full and connection.serves and not connection.over

    def _pause(self) -> None:
        self._paused = True
        cast(IPushProducer, self._connection.transport).pauseProducing()

    # What ends a turn, or lets the next one come.

    def _count_large(self, size: int) -> None:
        """
        Count a large answer that was written within a turn.
        """
        self._bytes += size
        if self._bytes >= TURN_BYTES:
            self.halted = True

    def _count_kept(self, size: int) -> None:
        """
        Note how much the peer's flow control keeps; begin no further calls if too much.
        """
        was_blocked, self.blocked = self.blocked, size > self._max_kept_bytes
        if self.blocked:
            self.halted = True
        elif was_blocked and self.postponed.calls:
            # It was not the peer that made room: nothing that is read will tell.
            if self._output.gathering:
                self.halted = True  # and the end of this turn sees to it
            else:
                self.end()

    def hold(self) -> None:
        """
        Act on nothing more until the socket takes more.
        """
        self.halted = self.held = True
        self._pause()

    def close(self) -> None:
        """
        The connection is of no more use: forget all that waits.
        """
        self.halted = self.held = True
        self._backlog.clear()
        self.postponed.clear()
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None

    def read_on(self) -> None:
        """
        Read what the peer still has to say as the connection closes.
        """
        if self._paused:
            cast(IPushProducer, self._connection.transport).resumeProducing()

    def last_events(self) -> list[Event]:
        """
        Look at what waits as the connection ends; return what is still to be acted on.

        At a client that is all that came before, and is acted on here and now. At a
        server it is calls whose callers wait for nothing: they are begun in later turns.
        """
        connection = self._connection
        kept: list[Event] = []
        while self._backlog:
            if not length_hint(self._backlog.events):
                self._backlog.read(self._machine)
            for event in self._backlog.events:
                if not connection.serves:
                    connection.ACTIONS[event.__class__](connection, event)
                elif type(event) is RequestReceived and event.head.one_way:
                    kept.append(event)
        return kept
