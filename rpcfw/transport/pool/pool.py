"""
The links to one node: one, and further ones while that takes no more calls.

Theory of operation. Every server says how many calls it takes at once on one
connection. While the first link takes calls, `driver` is its driver, and a call's way
looks at nothing else. A connection that refuses a call is *full* from then on:
`driver` becomes that of a link that is not, and None if there is none. Then the call
waits, and so does every one that comes while any does: else those who call again as
soon as they have an answer would be served for ever, and the others never.

While calls wait, further links are opened, one after the other, up to a limit. After
each turn in which calls on a full connection may have ended, the longest waiting are
begun on it; if none is left and it takes more, it is full no longer. The first
link goes before the others, so that these fall idle, and are closed.

A node at which calls wait is *saturated* (`Saturation`): others are better.
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
    The way to one node.

    Args:
        address: of the node.
        make_link: a link to it; told of changes.
        options: see `LinkOptions`.
        clock: time.
        counts: where it is counted.
        changed: told after each change of `state` or `saturated`.
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
        #: Where a new call goes at once; None if it has to wait, or to connect.
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
        The connections that take calls, full ones too.
        """
        return self._links.drivers

    @property
    def protocol(self) -> str:
        """
        The wire's name, for whoever looks.
        """
        return self._first.protocol

    @property
    def created_at(self) -> float:
        """
        When they were made.
        """
        return self._first.created_at

    @property
    def connections(self) -> tuple[tuple[Driver, float], ...]:
        """
        Those that are open, with the times that they began.
        """
        return self._links.connections

    @property
    def past(self) -> Calls:
        """
        What went over the connections that are closed.
        """
        return self._links.past

    @property
    def saturated(self) -> bool:
        """
        Whether calls wait here, or did a moment ago.
        """
        return self._saturation.lasts

    @property
    def kept(self) -> bool:
        """
        Whether the first link connects by itself.
        """
        return self._first.kept

    @property
    def failed(self) -> bool:
        """
        Whether the last try to connect has failed.
        """
        return self._first.failed

    def keep(self) -> None:
        """
        Have the first link connect by itself from now on.
        """
        self._first.keep()

    def connect(self) -> None:
        """
        Connect, unless that is being done, or not to be done now.
        """
        self._first.connect()

    async def acquire(self, pending: PendingCall[T], deadline: float) -> T:
        """
        Begin a call on a connection that takes it, connecting or waiting if need be.

        A machine knows that its peer leaves as soon as it has read so; whoever looks after
        the connection hears of it a moment later. A call that comes in between is begun
        on the next connection, rather than be an attempt that has failed: of those whose
        client streams there is but one.

        Raises:
            Unavailable: nobody can be reached; never sent.
            Overloaded: all connections are full, and too many calls wait; never sent.
            DeadlineExceeded: the wait was given up, and ``deadline`` has passed.
        """
        try:
            return await self._acquire(pending, deadline)
        except ConnectionLost as error:
            if not error.hints & Hint.NEVER_SENT:
                raise
        await sleep(self._clock, 0)
        return await self._acquire(pending, deadline)

    async def _acquire(self, pending: PendingCall[T], deadline: float) -> T:
        while not self.drivers:
            # With a limit of 0 too, a first call waits for its connection.
            if self._first.wanted_by >= max(1, self._options.max_waiting_calls):
                raise self._too_many(f"{self.address} is not connected yet", "raise that")
            await self._first.ready()
        while self.driver is not None:
            driver = self.driver
            try:
                return pending.begin(driver)
            except Overloaded:
                self._mark_full(driver)
        return await self._wait(pending, deadline)

    def close(self, reason: str) -> None:
        """
        Close for good. Calls on them, and those that wait, fail.
        """
        self._end(partial(Link.close, reason=reason), reason)

    def drain(self, reason: str) -> None:
        """
        Close each once the calls on it have ended. Those that wait go elsewhere.
        """
        self._end(partial(Link.drain, reason=reason), reason)

    def refuse(self, error: CallError) -> None:
        """
        Let the calls that wait fail with ``error``. None of them was begun.
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
        Calls may have ended on a connection that was full.
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
        Set where the next call goes.
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
