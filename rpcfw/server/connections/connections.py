"""
The connections of a server.
"""

from __future__ import annotations

from itertools import count

from attrs import define
from twisted.logger import Logger

from rpcfw.server.calls.intake import RequestAcceptor
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

__all__ = ["Peers"]

_log = Logger()


@define(eq=False)
class _Peer:
    id: int
    keepalive: Keepalive
    lifetime: Lifetime | None
    #: None as long as it has not pinged.
    pings: PingStrikes | None = None

    def stop(self) -> None:
        self.keepalive.stop()
        if self.lifetime is not None:
            self.lifetime.stop()


class Peers(DriverObserver):
    """
    Keeps them, so that they can be counted, watched and told of a stop.

    Args:
        reception: takes their requests.
        clock: for signs of life.
        options: see `ServerOptions`.
        lifetimes: how old and how idle they may grow.
        pauses: the time that this process lost.
        capacity: how many there may be.
    """

    def __init__(
        self,
        reception: RequestAcceptor,
        clock: Clock,
        options: ServerOptions,
        lifetimes: ConnectionAges,
        pauses: Pauses,
        capacity: Capacity,
    ) -> None:
        self._reception = reception
        self._clock = clock
        self._options = options
        self._lifetimes = lifetimes
        self._pauses = pauses
        self._capacity = capacity
        self._drivers: dict[Driver, _Peer] = {}
        self._ids = count(1)
        self._log = LimitedLog(_log, clock.seconds)
        # Of the connections that are closed.
        self._past = Calls()
        self._leaving = ""
        self._gone: Waiter[None] | None = None

    def __len__(self) -> int:
        return len(self._drivers)

    @property
    def calls(self) -> Calls:
        """
        What came over all connections, those that are closed too.
        """
        return total((self._past, *map(calls_of, self._drivers)))

    def connections(self) -> tuple[Connection, ...]:
        """
        Return the open connections, oldest first.
        """
        return tuple(
            connection_of(driver, peer.id, peer.keepalive.since, driver.wire)
            for driver, peer in self._drivers.items()
        )

    def leave(self, reason: str) -> None:
        """
        Tell every peer, now and as it comes, that no new calls are taken.
        """
        self._leaving = reason
        for driver in tuple(self._drivers):
            driver.leave(reason)

    async def when_gone(self) -> None:
        """
        Return once every peer has closed its connection.
        """
        if self._drivers:
            gone = self._gone = Waiter()
            await gone

    def close(self, reason: str) -> None:
        """
        Close every connection, once what was written has left.
        """
        for driver in tuple(self._drivers):
            driver.fail(reason)
            driver.close(reason)

    def connected(self, driver: Driver) -> None:
        options = self._options
        keepalive = Keepalive(
            driver,
            self._clock,
            options.keepalive,
            options.keepalive_timeout,
            frame_s=options.frame_timeout,
        )
        lifetime = self._lifetimes.begin(driver)
        self._drivers[driver] = _Peer(next(self._ids), keepalive, lifetime)
        if self._leaving:
            driver.leave(self._leaving)

    def closed(self, driver: Driver, reason: str) -> None:
        self._drivers.pop(driver).stop()
        self._past = total((self._past, calls_at_end(driver)))
        gone = self._gone
        if gone is not None and not self._drivers and not gone.called:
            gone.callback(None)

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
        # The word at which gRPC's clients ping less.
        driver.fail("too_many_pings")
        # What came together with the ping is still acted on, and must hear of the end.
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

    def accept(self, driver: Driver, event: RequestReceived) -> None:
        self._reception.accept(driver, event)
