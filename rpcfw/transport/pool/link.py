"""
A link: one connection to one address, and its successors.

Theory of operation. `link_state` has the states, and which event leads from one to another.
A link that is *kept* reconnects by itself; another one waits until a call wants it. The delays
between attempts grow with each failure. They start again from the first one when a handshake was
completed, not merely when the connection was accepted. While a link is WAITING, a call that
wants it fails at once with the last reason: another node is better than a queue. But once the
first delay has passed since the last failure, such a call makes the link connect out of turn.
So a server that is reachable again is called again within about that delay, however long the
delays have grown; and one that is not is dialled no more often than that. If there is an idle
timeout, a link that had no call for that long is closed until it is wanted, kept or not.

The callback for changes may close the link at once. So it is called when a change is complete,
and the code after it looks at the state again.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from rpcfw.errors import PassedOver, Unavailable
from rpcfw.spi.events import ConnectionFailed
from rpcfw.spi.inspection import Calls
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock, DelayedCall, RandomSource
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.status import Hint
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.pool.dialling import Dialling
from rpcfw.transport.pool.link_state import LinkEvent, LinkState, follows
from rpcfw.transport.pool.open_connections import OpenConnections
from rpcfw.transport.pool.options import LinkOptions
from rpcfw.transport.pool.retries import Retries
from rpcfw.values.address import Address
from rpcfw.values.copied_error import copied_error

__all__ = ["Link", "LinkOptions", "LinkState"]

_log = Logger()

#: A peer that drains is dialled again at once if it stayed for this share of
#: the first delay: connections with a maximum age are no failures.
_STAYED = 0.1


class Link(DriverObserver):
    """
    One connection to one address, and its successors.

    Args:
        address: of the peer.
        network: connects.
        make_machine: makes a new machine for each connection.
        options: see `LinkOptions`.
        clock: time.
        random: for the jitter.
        changed: called after each change of state.
    """

    def __init__(
        self,
        address: Address,
        network: Network,
        make_machine: Callable[[], Machine],
        options: LinkOptions,
        clock: Clock,
        random: RandomSource,
        changed: Callable[[Link], None],
    ) -> None:
        self.address = address
        self.created_at = clock.seconds()
        self.state = LinkState.IDLE
        #: The driver while READY, else None. Each call looks here first.
        self.driver: Driver | None = None
        self.reason = ""
        #: The last connection ended without a GOAWAY, and this side had not closed it.
        self.lost = False
        #: The name of the wire protocol, for inspection.
        self.protocol = ""
        #: See `rpcfw.spi.protocol.WireProtocol`; raised when a peer complains.
        self.keepalive_floor_s = 0.0
        #: Reports what the peer causes. The links of a process share one.
        self.log = LimitedLog(_log, clock.seconds)
        self._options = options
        self._clock = clock
        self._changed = changed
        #: Whether it reconnects by itself.
        self.kept = False
        self._retries = Retries(options, clock, random)
        #: Who waits for a connection, and whether for this one only.
        self._wanting: dict[Waiter[Driver], bool] = {}
        self._timer: DelayedCall | None = None
        self._dialling = Dialling(address, network, make_machine, clock, self, self._failed)
        self._open = OpenConnections(options, clock, self._unused)
        self._ready_since = 0.0

    @property
    def past(self) -> Calls:
        """
        The calls on connections that are closed.
        """
        return self._open.past

    @property
    def connections(self) -> tuple[tuple[Driver, float], ...]:
        """
        The open connections, with the times when they began.
        """
        return self._open.began

    @property
    def failed(self) -> bool:
        """
        Whether the last attempt to connect has failed.
        """
        return self._retries.failed

    def keep(self) -> None:
        """
        Connect now, and reconnect whenever the connection is lost.
        """
        self.kept = True
        self.connect()

    @property
    def wanted_by(self) -> int:
        """
        How many callers wait for it to be ready.
        """
        return len(self._wanting)

    async def ready(self, *, stays: bool = False) -> Driver:
        """
        Return a driver for a call, after connecting if necessary.

        Args:
            stays: the call waits here until the attempt to connect has ended.

        Raises:
            PassedOver: see `pass_over`.
            Unavailable: there is no connection. The call was never sent, so it can go elsewhere.
        """
        if self.driver is not None:
            return self.driver
        waits = self.state is LinkState.WAITING and not self._retries.rested
        if waits or self.state is LinkState.CLOSED:
            raise self._unavailable()
        waiter: Waiter[Driver] = Waiter()
        self._wanting[waiter] = stays
        self.retry()
        try:
            return await waiter
        finally:
            self._wanting.pop(waiter, None)

    def pass_over(self) -> None:
        """
        Let the calls that wait for a connection go to another node, unless they have to stay.
        """
        error = PassedOver(f"{self.address} is not connected yet, and other nodes are")
        for waiter, stays in tuple(self._wanting.items()):
            if not stays and not waiter.called:
                waiter.errback(copied_error(error))

    def connect(self) -> None:
        """
        Connect, unless it is connecting already or must not connect now.
        """
        self._connect(LinkEvent.WANTED)

    def retry(self) -> None:
        """
        Connect, also out of turn, if the last failure was long enough ago.
        """
        if self.state is LinkState.WAITING and self._retries.rested:
            self._retries.out_of_turn = True
            self._connect(LinkEvent.RETRIED)
        else:
            self._connect(LinkEvent.WANTED)

    def close(self, reason: str) -> None:
        """
        Close for good. Its calls fail.
        """
        if self.driver is not None:
            self._open.drain(self.driver)
        self._shut(reason)
        self._open.close_draining(reason)

    def drain(self, reason: str) -> None:
        """
        Close for good when its calls have ended. It takes no new ones.
        """
        driver = self.driver
        self._shut(reason)
        if driver is not None:
            self._open.drain(driver)
            self._open.close_when_empty(driver, reason)

    def _shut(self, reason: str) -> None:
        self.reason = reason
        self.driver = None
        self._step(LinkEvent.CLOSED)
        self._dialling.stop(reason)
        self._refuse_wanting()
        self._changed(self)

    # CONNECTING.

    def _connect(self, event: LinkEvent) -> None:
        if not self._step(event):
            return
        limit_s = self._options.connect_timeout
        self._timer = self._clock.callLater(limit_s, self._too_slow)
        self._changed(self)
        if self.state is LinkState.CONNECTING:
            self._dialling.start(limit_s)

    def _too_slow(self) -> None:
        limit_s = self._options.connect_timeout
        self._failed(f"the handshake was not completed within connect_timeout of {limit_s:g} s")

    def _failed(self, reason: str, event: LinkEvent = LinkEvent.FAILED) -> None:
        if not self._step(event):
            return
        self.reason = reason
        self._timer = self._clock.callLater(self._retries.fail(), self._delay_over)
        self._dialling.stop(reason)
        self._refuse_wanting()
        self._changed(self)

    def _delay_over(self) -> None:
        self._become_idle(LinkEvent.DELAY_OVER)

    def _become_idle(self, event: LinkEvent) -> None:
        self._step(event)
        self._changed(self)
        if self.kept:
            self._connect(LinkEvent.WANTED)

    # READY.

    def connected(self, driver: Driver) -> None:
        # If a name has several addresses, two connections may be established.
        if self.state is LinkState.CONNECTING and self._dialling.greeting is None:
            self._dialling.connected(driver)
        else:
            driver.abort("no longer wanted")

    def handshake_completed(self, driver: Driver) -> None:
        if driver is not self._dialling.greeting or not self._step(LinkEvent.GREETED):
            return
        self._dialling.handshake_completed()
        self._retries.succeed()
        self.driver = driver
        self.lost = False
        self._ready_since = self._clock.seconds()
        self._open.add(driver, self.keepalive_floor_s)
        self._changed(self)
        wanting, self._wanting = self._wanting, {}
        for waiter in wanting:
            if not waiter.called:
                waiter.callback(driver)

    def goaway_received(self, driver: Driver, reason: str) -> None:
        if driver is self.driver:
            self._open.drain(driver)
            served = driver.newest_call > 0
            min_s = 0.0 if served else _STAYED * self._options.initial_backoff
            self._lost(reason or "the peer is draining", min_s)
        self._open.close_when_empty(driver, "the peer is draining")

    def broken_off(self, driver: Driver, event: ConnectionFailed) -> None:
        who = "the peer" if event.by_peer else "this side"
        self.log.warn_of(
            f"broken off by {who}",
            "connection with {peer} broken off by {who}: {reason}",
            peer=self.address,
            who=who,
            reason=event.reason,
        )

    def closed(self, driver: Driver, reason: str) -> None:
        self._open.remove(driver)
        if driver.pinged_too_often:
            self.keepalive_floor_s = 2 * max(self._options.keepalive, self.keepalive_floor_s)
        if driver is self.driver:
            self.lost = True
            self._lost(reason, self._options.initial_backoff)
        elif driver is self._dialling.greeting:
            self._failed(reason + self._dialling.hint(reason))

    def _unused(self, driver: Driver) -> None:
        """
        Close a connection that had no call for long, until it is wanted, kept or not.
        """
        if driver is self.driver:
            self.driver = None
            self.reason = f"it had no call for the idle time of {self._options.idle_timeout:g} s"
            self._step(LinkEvent.UNUSED)
            self._changed(self)
            driver.close(self.reason)

    def _lost(self, reason: str, min_s: float) -> None:
        """
        Note that the connection is lost.

        Args:
            min_s: how long it must have lasted for a reconnection without delay. 0 for a
                peer that took calls and then left gracefully, as proxies do after a number
                of calls, however early.
        """
        self.driver = None
        self.reason = reason
        lived_s = self._clock.seconds() - self._ready_since
        if lived_s < min_s:
            # A peer that closes right after the handshake must not be dialled in a tight loop.
            self._failed(reason, LinkEvent.HUNG_UP)
        else:
            self._become_idle(LinkEvent.LOST)

    # Pieces.

    def _step(self, event: LinkEvent) -> bool:
        """
        Enter the state that follows an event; return whether it is another one.
        """
        before, self.state = self.state, follows(self.state, event)
        if self.state is before:
            return False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        return True

    def _refuse_wanting(self) -> None:
        wanting, self._wanting = self._wanting, {}
        for waiter in wanting:
            if not waiter.called:
                waiter.errback(self._unavailable())

    def _unavailable(self) -> Unavailable:
        return Unavailable(f"no connection to {self.address}: {self.reason}", hints=Hint.NEVER_SENT)
