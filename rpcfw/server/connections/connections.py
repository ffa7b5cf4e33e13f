"""
The connections of a server.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from attrs import define
from twisted.logger import Logger

from rpcfw.server.connections.age import ConnectionAges, Lifetime
from rpcfw.server.connections.ping_strikes import PingStrikes
from rpcfw.server.options import ServerOptions
from rpcfw.spi.events import ConnectionFailed, PingReceived, RequestReceived
from rpcfw.spi.inspection import Calls, Connection, total
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw.transport.connection.inspection import calls_at_end, calls_of, connection_of
from rpcfw.transport.connection.keepalive import Keepalive
from rpcfw.transport.network.capacity import Capacity

__all__ = ["ConnectionTable"]

_log = Logger()


@define(eq=False)
class _Tracked:
    id: int
    keepalive: Keepalive
    lifetime: Lifetime | None
    #: None before its first ping.
    pings: PingStrikes | None = None

    def stop(self) -> None:
        self.keepalive.stop()
        if self.lifetime is not None:
            self.lifetime.stop()


class ConnectionTable(DriverObserver):
    """
    The open connections: counts them, watches them, and tells them of a stop.

    Args:
        accept: gets their requests.
        clock: for keepalive pings.
        options: see `ServerOptions`.
        ages: limits their age and idle time.
        pauses: the times in which this process did not run.
        capacity: limits their number.
    """

    def __init__(
        self,
        accept: Callable[[Driver, RequestReceived], None],
        clock: Clock,
        options: ServerOptions,
        ages: ConnectionAges,
        pauses: Pauses,
        capacity: Capacity,
    ) -> None:
        # Without a method of this class between: every request comes here.
        self.accept = accept  # type: ignore[method-assign, assignment]
        self._clock = clock
        self._options = options
        self._ages = ages
        self._pauses = pauses
        self._capacity = capacity
        self._drivers: dict[Driver, _Tracked] = {}
        self._ids = count(1)
        #: How many there were, the closed ones too.
        self.accepted = 0
        self._log = LimitedLog(_log, clock.seconds)
        # The calls of closed connections.
        self._of_closed = Calls()
        self._draining = ""
        self._all_closed: Waiter[None] | None = None

    def __len__(self) -> int:
        return len(self._drivers)

    @property
    def calls(self) -> Calls:
        """
        The calls of all connections, of closed ones too.
        """
        return total((self._of_closed, *map(calls_of, self._drivers)))

    def protocols(self) -> tuple[str, ...]:
        """
        Return the wire protocol of each open connection.
        """
        return tuple(driver.wire for driver in self._drivers)

    def connections(self) -> tuple[Connection, ...]:
        """
        Return the open connections, oldest first.
        """
        return tuple(
            connection_of(driver, peer.id, peer.keepalive.since, driver.wire)
            for driver, peer in self._drivers.items()
        )

    def drain(self, reason: str) -> None:
        """
        Send a GOAWAY on every connection, and on new ones as they come.
        """
        self._draining = reason
        for driver in tuple(self._drivers):
            driver.drain(reason)

    async def when_all_closed(self) -> None:
        """
        Return when every connection is closed.
        """
        if self._drivers:
            all_closed = self._all_closed = Waiter()
            await all_closed

    def close(self, reason: str) -> None:
        """
        Close every connection when its output is written.
        """
        for driver in tuple(self._drivers):
            driver.fail(reason)
            driver.close(reason)

    def connected(self, driver: Driver) -> None:
        self.accepted += 1
        options = self._options
        keepalive = Keepalive(
            driver,
            self._clock,
            options.keepalive,
            options.keepalive_timeout,
            frame_s=options.frame_timeout,
        )
        lifetime = self._ages.begin(driver)
        self._drivers[driver] = _Tracked(next(self._ids), keepalive, lifetime)
        if self._draining:
            driver.drain(self._draining)

    def closed(self, driver: Driver, reason: str) -> None:
        self._drivers.pop(driver).stop()
        self._of_closed = total((self._of_closed, calls_at_end(driver)))
        all_closed = self._all_closed
        if all_closed is not None and not self._drivers and not all_closed.called:
            all_closed.callback(None)

    def disconnected(self, driver: Driver) -> None:
        self._capacity.leave(driver.transport.getPeer())

    def pinged(self, driver: Driver, event: PingReceived) -> None:
        peer = self._drivers.get(driver)
        if peer is None:
            return
        pings = peer.pings
        if pings is None:
            pings = peer.pings = PingStrikes(self._options, self._pauses)
        calling = bool(driver.open_calls)
        if not pings.is_out(driver.received_at, calling=calling, answered=event.answered):
            return
        self._log.warn_of(
            "pings",
            "{peer} is cut off: it pings more often than min_ping_interval of {limit:g} s, or "
            "without a call where pings_without_calls = no",
            peer=driver.peer,
            limit=self._options.min_ping_interval,
        )
        # gRPC clients double their keepalive time at this text (gRPC proposal A8).
        driver.fail("too_many_pings")
        # Events that came with the ping are handled first, and must see the end.
        self._clock.callLater(0, driver.close, "too_many_pings")

    def broken_off(self, driver: Driver, event: ConnectionFailed) -> None:
        who = "the peer" if event.by_peer else "this side"
        self._log.warn_of(
            f"broken off by {who}",
            "connection with {peer} broken off by {who}: {reason}",
            peer=driver.peer,
            who=who,
            reason=event.reason,
        )

    def handshake_failed(self, peer: str, reason: str) -> None:
        self._log.warn_of(
            "TLS", "TLS handshake with {peer} failed: {reason}", peer=peer, reason=reason
        )
