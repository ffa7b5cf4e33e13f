"""
The turns of one connection: how much it may do before the other connections' turns.

Theory of operation. One read may contain thousands of requests. In one turn of the reactor, a
connection acts on a limited number of events, for a limited time, and with a limited number of
response bytes: the constants below. The remaining events wait in its `Backlog` for the next
turn; all other connections have theirs first. While the socket of a server's connection is
full, no event is acted on. A turn is *halted* when no further event may be acted on in it.
Bytes that arrive while anything waits are *held*, and reading pauses.

The memory that a connection holds for its peer is reported to the `BufferQuota` after each
write. A connection may hold more than its share. If that is because responses wait for the
peer's flow-control window, its further calls are `Postponed`, and other events are acted on.
If it is because messages are not read, the calls that hold most of them are ended.

A call that is cancelled before it was begun is dropped, in the backlog or postponed.
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
from rpcfw.transport.connection.backlog import Backlog, without_calls
from rpcfw.transport.connection.buffer_quota import GRAIN_BYTES, BufferQuota
from rpcfw.transport.connection.output import Output
from rpcfw.transport.connection.peer_reset import end_if_reset
from rpcfw.transport.connection.postponed import Postponed
from rpcfw.transport.connection.shedding import end_calls, heaviest_calls

if TYPE_CHECKING:
    from rpcfw.transport.connection.connection import Connection

__all__ = ["BUNCH", "TURN_BYTES", "TURN_EVENTS", "TURN_S", "Turns"]

#: Events in a batch, after which the output is written. If the output of a turn with hundreds
#: of calls were written only at its end, the peer would be idle until then, and this side
#: afterwards: two processors would do the work of one.
BUNCH = 16

#: The limits of one turn.
TURN_EVENTS = 256
TURN_S = 0.002
TURN_BYTES = 1 << 20


class Turns:
    """
    Divides the events of one connection into turns.

    Args:
        connection: the connection.
        machine: its protocol.
        output: what it writes.
        clock: schedules the next turn.
        quota: limits how much may be held; None: no limit.
    """

    __slots__ = (
        "_backlog",
        "_bytes",
        "_clock",
        "_connection",
        "_counted_bytes",
        "_lost",
        "_machine",
        "_output",
        "_paused",
        "_quota",
        "_scheduled",
        "halted",
        "held",
        "over_share",
        "postponed",
    )

    def __init__(
        self,
        connection: Connection,
        machine: Machine,
        output: Output,
        clock: Clock,
        quota: BufferQuota | None,
    ) -> None:
        #: No further event of this turn is acted on.
        self.halted = False
        #: Arriving bytes have to wait: for earlier ones, or for the socket.
        self.held = False
        #: The connection holds more than its share of the quota.
        self.over_share = False
        self.postponed = Postponed(quota)
        self._connection = connection
        self._machine = machine
        self._output = output
        output.on_large_write = self._count_large
        if quota is not None:
            output.on_emit = self.count
        self._clock = clock
        self._quota = quota
        #: What is held, as last reported to the quota.
        self._counted_bytes = 0
        #: The connection is lost: only one-way calls are begun.
        self._lost = False
        self._backlog = Backlog()
        #: The next turn, if anything waits for it.
        self._scheduled: Any = None
        #: Reading is paused.
        self._paused = False
        #: Bytes of large responses that were written in this turn.
        self._bytes = 0

    @property
    def waiting(self) -> bool:
        """
        Whether received events or bytes have not been acted on.
        """
        return bool(self._backlog)

    # A turn.

    def take(self, events: Iterator[Event]) -> None:
        """
        Act on events, within the limits of one turn.
        """
        connection, seconds = self._connection, self._clock.seconds
        ends_at = seconds() + TURN_S
        actions = connection.ACTIONS
        for _ in range(TURN_EVENTS // BUNCH):
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
        Act on the remaining events in the next turn, or once the socket accepts more.

        Args:
            rest: the remaining events of one read.
        """
        connection = self._connection
        if rest is not None and length_hint(rest) and not connection.over:
            self._backlog.put(rest)
        self._bytes, self.halted = 0, False
        if self.postponed.calls or self.over_share:
            self._postpone()
        full = self._is_full()
        self.held = full or bool(self._backlog)
        if self._quota is not None:
            self.count()
            self.halted = False  # `count` halts a turn; but this one is over
        if not full and self._backlog and self._scheduled is None:
            self._scheduled = self._clock.callLater(0, self._next)
        elif not self.held and self._paused and not connection.over:
            self._paused = False
            cast(IPushProducer, connection.transport).resumeProducing()
        if self._lost and not self._backlog:
            del self._connection  # it refers to this object: a reference cycle

    def _next(self) -> None:
        self._scheduled = None
        if self._is_full():
            return  # it has become so since
        connection = self._connection
        if connection.serves and not connection.over and end_if_reset(connection.transport):
            return
        self._output.gathering = True
        try:
            if self._backlog and not length_hint(self._backlog.events):
                connection.received_at = self._backlog.read(self._machine)
                if self.postponed.calls or self.over_share:
                    self._postpone()
            self.take(self._backlog.events)
        except BaseException:
            # As Twisted does if `dataReceived` raises.
            connection.abort("this side failed")
            raise
        finally:
            connection.write_bunch()
            self._output.gathering = False
            self.end()

    # What waits.

    def put_aside(self, data: bytes) -> None:
        """
        Keep bytes that arrived while others wait, and pause reading.
        """
        if not self._connection.over:
            self._backlog.put_bytes(data, self._clock.seconds())
            self._pause()

    def lost(self, events: list[Event]) -> None:
        """
        Act on these events in later turns, and on nothing else: the connection is lost.
        """
        self._lost = True
        self._backlog.put(iter(events))
        self.end()

    def due(self, events: list[Event]) -> list[Event]:
        """
        Return the events to act on now: of new ones, and of postponed calls.
        """
        ended = self._shed()
        if ended:
            events = without_calls(events, ended)
        return self.postponed.due(events, self._machine)

    def _postpone(self) -> None:
        """
        The same for the backlog.
        """
        ended = self._shed()
        if ended:
            self._backlog.drop(ended)
        self.postponed.sort(self._backlog, self._machine)
        self._output.flush()  # calls that were refused

    def _is_full(self) -> bool:
        connection = self._connection
        return self._output.full and connection.serves and not connection.over

    def _pause(self) -> None:
        self._paused = True
        cast(IPushProducer, self._connection.transport).pauseProducing()

    # What is held.

    def count(self) -> None:
        """
        Report what is held, if that changed by much; or is nothing: it is forgotten by that.
        """
        size = self._held_bytes()
        change = abs(size - self._counted_bytes)
        if change >= GRAIN_BYTES or self.over_share or (change and not size):
            self._report(size)
        self._output.watched = self._counted_bytes != 0

    def _held_bytes(self) -> int:
        machine, size = self._machine, 0
        if not self._lost:  # else all that is freed with the connection
            size = self._output.queued_bytes + machine.unsent_bytes + machine.held_bytes
        if self.held or self.postponed.calls:
            size += self._backlog.size + self.postponed.size
        return size

    def _report(self, size: int) -> None:
        quota, connection = self._quota, self._connection
        assert quota is not None
        before, self._counted_bytes = self._counted_bytes, size
        quota.set(connection, size)
        if connection.over:
            return
        share = quota.share
        self.over_share = size > share
        if self.over_share and size > before:
            self.halted = True  # begin no further calls in this turn
        if self._machine.unsent_bytes <= share:
            # If this side dropped what waited, no frame of the peer will resume its calls.
            self.resume_postponed()

    def resume_postponed(self) -> None:
        """
        Look at postponed calls again: they may be begun now.
        """
        if not self.postponed.calls:
            return
        if self._output.gathering:
            self.halted = True  # `end` follows, and resumes them
        elif self._scheduled is None:
            self._scheduled = self._clock.callLater(0, self._next)

    def _shed(self) -> tuple[int, ...]:
        """
        End the calls that hold most unread messages, if these are too many; return them.
        """
        quota = self._quota
        if quota is None or self._held_bytes() <= quota.share:
            return ()
        calls = tuple(heaviest_calls(self._machine, quota.share // 2))
        self.postponed.drop(calls)
        end_calls(self._connection, quota, calls)
        return calls

    # What ends a turn, or lets the next one come.

    def _count_large(self, size: int) -> None:
        self._bytes += size
        if self._bytes >= TURN_BYTES:
            self.halted = True

    def hold(self) -> None:
        """
        Act on no event until the socket accepts more.
        """
        self.halted = self.held = True
        self._pause()

    def close(self) -> None:
        """
        The connection is over: drop everything that waits.
        """
        self.halted = self.held = True
        self._backlog.clear()
        self.postponed.clear()
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None

    def read_on(self) -> None:
        """
        Resume reading, since the connection is being closed.
        """
        if self._paused:
            cast(IPushProducer, self._connection.transport).resumeProducing()

    def last_events(self) -> list[Event]:
        """
        Handle what waits when the connection ends; return the events that are left for later.

        A client acts on everything at once. A server keeps one-way calls, whose callers do not
        wait for a response, and begins them in later turns.
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
