"""
The connections to one node: one, and further ones while that takes no more calls.

Theory of operation. Every server limits the open calls of one connection. While the first
link's connection takes calls, `driver` is its driver, and a call looks at nothing else. A
connection that refused a call is *full*. Then `driver` is that of a link that is not full, or
None if there is none. A call that finds None waits in a queue, and so does every later call
while any waits. Otherwise those who call again as soon as they have a response would be served
forever, and the others never.

While calls wait, further links are opened, one after the other, up to a limit. After each
batch of events in which calls on a full connection may have ended, the calls that wait longest
are begun on it. If none is left and it takes more, it is not full any more. The first link is
preferred, so that the further ones become idle and are closed.

A node at which calls wait is *saturated* (`Saturation`): other nodes are better.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from rpcfw.errors import CallError, ConnectionLost, DeadlineExceeded, Overloaded, Unavailable
from rpcfw.spi.inspection import Calls
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import CANCELLED, sleep
from rpcfw.status import Hint
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.pool.counts import PoolCounts
from rpcfw.transport.pool.link import Link, LinkState
from rpcfw.transport.pool.link_set import LinkSet
from rpcfw.transport.pool.options import LinkOptions
from rpcfw.transport.pool.queue import CallQueue, PendingCall
from rpcfw.transport.pool.saturation import Saturation
from rpcfw.values.address import Address

__all__ = ["ConnectionPool"]

T = TypeVar("T")

_NEVER_SENT = Hint.NEVER_SENT | Hint.NOT_BEGUN


class ConnectionPool:
    """
    The connections to one node.

    Args:
        address: of the node.
        make_link: makes a link to it, which calls its argument after each change.
        options: see `LinkOptions`.
        clock: time.
        counts: where waiting and refused calls are counted.
        changed: called after each change of `state` or `saturated`.
    """

    def __init__(
        self,
        address: Address,
        make_link: Callable[[Callable[[Link], None]], Link],
        options: LinkOptions,
        clock: Clock,
        counts: PoolCounts,
        changed: Callable[[], None],
    ) -> None:
        self.address = address
        #: Where a new call is begun at once; None if it has to wait or to connect.
        self.driver: Driver | None = None
        self.state = LinkState.IDLE
        self._options = options
        self._clock = clock
        self._counts = counts
        self._changed = changed
        self._queue = CallQueue()
        self._links = LinkSet(partial(make_link, self._link_changed), options, clock, counts)
        self._first = self._links.first
        self._saturation = Saturation(clock, self._has_waiting_calls, changed)

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """
        The connections that take calls, even if they are full.
        """
        return self._links.drivers

    @property
    def protocol(self) -> str:
        """
        The name of the wire protocol, for inspection.
        """
        return self._first.protocol

    @property
    def created_at(self) -> float:
        """
        When the pool was made.
        """
        return self._first.created_at

    @property
    def connections(self) -> tuple[tuple[Driver, float], ...]:
        """
        The open connections, with the times when they began.
        """
        return self._links.connections

    @property
    def past(self) -> Calls:
        """
        The calls on connections that are closed.
        """
        return self._links.past

    @property
    def saturated(self) -> bool:
        """
        Whether calls wait now, or did a moment ago.
        """
        return self._saturation.lasts

    @property
    def kept(self) -> bool:
        """
        Whether the first link reconnects by itself.
        """
        return self._first.kept

    @property
    def failed(self) -> bool:
        """
        Whether the last attempt to connect has failed.
        """
        return self._first.failed

    @property
    def lost(self) -> bool:
        """
        Whether the last connection of the first link has ended without a GOAWAY.
        """
        return self._first.lost

    @property
    def reason(self) -> str:
        """
        Why the first link is not connected.
        """
        return self._first.reason

    @property
    def pings_limited(self) -> bool:
        """
        Whether the server counts pings, and closes the connection after too many.
        """
        return self._first.keepalive_floor_s > 0

    def keep(self) -> None:
        """
        Let the first link reconnect by itself from now on.
        """
        self._first.keep()

    def connect(self) -> None:
        """
        Connect, unless it is connecting already or must not connect now.
        """
        self._first.connect()

    def retry(self) -> None:
        """
        Connect, also out of turn, if the last failure was long enough ago.
        """
        self._first.retry()

    def pass_over(self) -> None:
        """
        Let the calls that wait for the first connection go to another node, if they may.
        """
        self._first.pass_over()

    async def acquire(self, pending: PendingCall[T], deadline: float, *, stays: bool = False) -> T:
        """
        Begin a call on a connection that takes it. If necessary, connect or wait first.

        A machine refuses calls from the moment when it has read the peer's GOAWAY; the link notices
        a moment later. A call in between is begun on the next connection. Otherwise it would be a
        failed attempt, and a call whose client streams has only one attempt.

        Args:
            stays: this node is the only one for the call.

        Raises:
            PassedOver: another node is connected, and this one not yet; never sent.
            Unavailable: no connection can be established; never sent.
            Overloaded: all connections are full, and too many calls wait; never sent.
            DeadlineExceeded: the wait was cancelled, and ``deadline`` has passed.
        """
        try:
            return await self._acquire(pending, deadline, stays)
        except ConnectionLost as error:
            if not error.hints & Hint.NEVER_SENT:
                raise
        await sleep(self._clock, 0)
        return await self._acquire(pending, deadline, stays)

    async def _acquire(self, pending: PendingCall[T], deadline: float, stays: bool) -> T:
        while not self.drivers:
            # With a limit of 0 too, a first call waits for its connection.
            if self._first.wanted_by >= max(1, self._options.max_waiting_calls):
                raise self._too_many(f"{self.address} is not connected yet", "raise that")
            began = self._clock.seconds()
            try:
                await self._first.ready(stays=stays)
            finally:
                pending.connect_s += self._clock.seconds() - began
        while self.driver is not None:
            driver = self.driver
            try:
                return pending.begin(driver)
            except Overloaded:
                self._mark_full(driver)
        return await self._wait(pending, deadline)

    def close(self, reason: str) -> None:
        """
        Close for good. All calls fail, open ones and waiting ones.
        """
        self._end(partial(Link.close, reason=reason), reason)

    def drain(self, reason: str) -> None:
        """
        Close each connection when its calls have ended. Waiting calls go elsewhere.
        """
        self._end(partial(Link.drain, reason=reason), reason)

    def refuse(self, error: CallError) -> None:
        """
        Let the waiting calls fail with copies of ``error``. None of them was begun.
        """
        self._queue.refuse(error)
        self._choose()

    def _end(self, close: Callable[[Link], None], reason: str) -> None:
        self._saturation.stop()
        self._links.end(close)
        self.refuse(self._unavailable(reason))

    # Full, and waiting.

    def _mark_full(self, driver: Driver) -> None:
        driver.on_progress = partial(self._progress, driver)
        self._choose()

    async def _wait(self, pending: PendingCall[T], deadline: float) -> T:
        counts = self._counts
        if len(self._queue) >= self._options.max_waiting_calls:
            self._links.open_further()
            self._saturation.begin()
            raise self._too_many(self._full_text(), "raise one of these, or the server's own limit")
        waiting = self._queue.join(pending)
        counts.waited.value += 1
        counts.waiting.value += 1
        self._links.open_further()
        self._saturation.begin()
        try:
            return await waiting.turn()
        except CANCELLED:
            if self._clock.seconds() < deadline:
                raise
            raise DeadlineExceeded(
                f"{self._full_text()}, and no call on them ended in time", hints=_NEVER_SENT
            ) from None
        finally:
            counts.waiting.value -= 1
            self._choose()

    def _has_waiting_calls(self) -> bool:
        return bool(self._queue)

    def _too_many(self, why: str, remedy: str) -> Overloaded:
        self._counts.refused.value += 1
        return Overloaded(
            f"{why}, and [connection] max_waiting_calls = "
            f"{self._options.max_waiting_calls} calls wait already: {remedy}",
            hints=_NEVER_SENT,
        )

    def _full_text(self) -> str:
        count = len(self.drivers)
        which = "the connection" if count == 1 else f"all {count} connections"
        return (
            f"{which} to {self.address} had as many calls as the server takes on one "
            f"([connection] max_connections = {self._options.max_connections})"
        )

    def _progress(self, driver: Driver) -> None:
        """
        Begin waiting calls on a full connection, since calls on it may have ended.
        """
        if driver not in self.drivers:
            driver.on_progress = None
        else:
            self._serve(driver)

    def _serve(self, driver: Driver) -> None:
        waited = len(self._queue)
        if self._queue.serve(driver):
            driver.on_progress = None
        elif driver.on_progress is None:
            self._mark_full(driver)
        if self._queue:
            self._links.open_further()
        elif waited:
            self._saturation.begin()
        self._choose()

    def _choose(self) -> None:
        """
        Choose the connection for the next call.
        """
        free = (driver for driver in self.drivers if driver.on_progress is None)
        self.driver = None if self._queue else next(free, None)

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(f"no connection to {self.address}: {reason}", hints=Hint.NEVER_SENT)

    def _link_changed(self, link: Link) -> None:
        self._choose()
        state = self._links.state
        if state is not self.state:
            self.state = state
            self._changed()
        if not self._queue:
            return
        if link.driver is not None:
            self._serve(link.driver)
        elif self.drivers:
            if link.state is LinkState.IDLE:  # it is lost, or may be tried again
                self._links.open_further()
        else:
            self._first.connect()
            if self._links.state is not LinkState.CONNECTING:
                self.refuse(self._unavailable(link.reason))
