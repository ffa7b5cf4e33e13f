"""
A link: one kept connection to one address.

Theory of operation::

    IDLE ──wanted──► CONNECTING ──hello──► READY ──lost, peer leaving, idle──► IDLE
                         │
                         └──failed──► WAITING ──delay over──► IDLE (or CONNECTING, if kept)
                                         └──wanted, least delay over──► CONNECTING
    any ──close or drain──► CLOSED

A link that is *kept* connects again by itself; one that is not waits to be wanted.
The delays grow with each failure and start afresh once the peer has said hello, not
merely accepted. While WAITING, who wants the link is told at once that it is not
there, with the last reason: better elsewhere than in a queue. But once the first delay
has passed since the last failure, who wants the link has it dialled out of turn. So a
server that is back is called again within about that delay, however long the delays
have grown, and one that is not is dialled no more often than that. Where an idle time is
set, a link without a call for so long is closed until it is wanted, kept or not.

Who is told of a change may close the link at once, so a change is told when it is
complete, and what follows it looks at the state again.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.errors import SetupError, Unavailable
from rpcfw.spi.events import ConnectionFailed
from rpcfw.spi.inspection import Calls, total
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock, DelayedCall, RandomSource
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.status import Hint
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw.transport.connection.idle import IdleWatch
from rpcfw.transport.connection.inspection import calls_at_end
from rpcfw.transport.connection.keepalive import Keepalive
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.tls import end_reason
from rpcfw.transport.pool.options import LinkOptions
from rpcfw.values.address import Address

__all__ = ["Link", "LinkOptions", "LinkState"]

_log = Logger()

#: How often a connection that is being left is looked at for calls still open.
_LOOK_AGAIN_S = 0.1
#: A peer that leaves in good order is dialled again at once if it stayed for so much of
#: the first delay: connections of a limited age are no failures.
_STAYED = 0.1


class LinkState(Enum):
    """
    See the theory of operation.
    """

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    WAITING = "waiting"
    CLOSED = "closed"


class Link(DriverObserver):
    """
    One kept connection.

    Args:
        address: of the peer.
        network: how to get there.
        make_machine: a new machine for each connection.
        options: see `LinkOptions`.
        clock: time.
        random: for the jitter.
        changed: told after each change of state.
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
        #: The driver while READY, else None: what a call's way looks at.
        self.driver: Driver | None = None
        self.reason = ""
        #: The wire's name, for whoever looks.
        self.protocol = ""
        #: See `rpcfw.spi.protocol.WireProtocol`; raised when a peer complains.
        self.keepalive_floor_s = 0.0
        #: For what the peer causes; the links of a process share one.
        self.log = LimitedLog(_log, clock.seconds)
        self._network = network
        self._make_machine = make_machine
        self._options = options
        self._clock = clock
        self._chance = random
        self._changed = changed
        #: Whether it connects by itself.
        self.kept = False
        self._failures = 0
        self._failed_at = 0.0
        #: Whether it connects because it was wanted while it waited.
        self._out_of_turn = False
        self._backoff = options.schedule()
        self._wanting: dict[Waiter[Driver], None] = {}
        self._timer: DelayedCall | None = None
        self._dialling: Deferred[IProtocol] | None = None
        self._greeting: Driver | None = None
        self._watched: dict[Driver, tuple[Keepalive, IdleWatch | None]] = {}
        self._ready_since = 0.0
        #: What went over the connections that are closed.
        self.past = Calls()
        #: Those that end with their calls, and the next look at each.
        self._leaving: dict[Driver, DelayedCall | None] = {}

    @property
    def connections(self) -> tuple[tuple[Driver, float], ...]:
        """
        Those that are open, with the times that they began.
        """
        return tuple((driver, watched.since) for driver, (watched, _) in self._watched.items())

    @property
    def failed(self) -> bool:
        """
        Whether the last try to connect has failed.
        """
        return self._failures > 0

    def keep(self) -> None:
        """
        Connect now, and again whenever the connection is lost.
        """
        self.kept = True
        self.connect()

    @property
    def wanted_by(self) -> int:
        """
        How many wait for it to be ready.
        """
        return len(self._wanting)

    async def ready(self) -> Driver:
        """
        Return a driver to make a call on, connecting if need be.

        Raises:
            Unavailable: it could not be had; never sent, so elsewhere is as good.
        """
        if self.driver is not None:
            return self.driver
        out_of_turn = self.state is LinkState.WAITING and self._rested()
        if self.state in (LinkState.WAITING, LinkState.CLOSED) and not out_of_turn:
            raise self._unavailable()
        waiter: Waiter[Driver] = Waiter()
        self._wanting[waiter] = None
        if out_of_turn:
            self._out_of_turn = True
            self._connect()
        else:
            self.connect()
        try:
            return await waiter
        finally:
            self._wanting.pop(waiter, None)

    def connect(self) -> None:
        """
        Connect, unless that is being done, or not to be done now.
        """
        if self.state is LinkState.IDLE:
            self._connect()

    def _rested(self) -> bool:
        """
        Whether the last failure was long enough ago for a try out of turn.
        """
        return self._clock.seconds() - self._failed_at >= self._options.initial_backoff

    def close(self, reason: str) -> None:
        """
        Close for good. Calls on it fail.
        """
        if self.driver is not None:
            self._leaving.setdefault(self.driver)
        self._shut(reason)
        for driver in tuple(self._leaving):
            driver.close(reason)

    def drain(self, reason: str) -> None:
        """
        Close once the calls on it have ended; it takes no new ones.
        """
        driver = self.driver
        self._shut(reason)
        if driver is not None:
            self._leaving.setdefault(driver)
            self._close_when_empty(driver, reason)

    def _shut(self, reason: str) -> None:
        self.reason = reason
        self.driver = None
        self._set(LinkState.CLOSED)
        self._stop_connecting(reason)
        self._refuse_wanting()
        self._changed(self)

    # CONNECTING.

    def _connect(self) -> None:
        self._set(LinkState.CONNECTING)
        limit_s = self._options.connect_timeout
        self._timer = self._clock.callLater(limit_s, self._too_slow)
        self._changed(self)
        if self.state is LinkState.CONNECTING:
            self._dial(limit_s)

    def _dial(self, limit_s: float) -> None:
        factory = Factory.forProtocol(self._new_driver)
        factory.noisy = False
        try:
            endpoint = self._network.client(self.address, limit_s)
        except SetupError as error:
            self._failed(str(error))
            return
        dialling = self._dialling = endpoint.connect(factory)
        dialling.addErrback(self._refused)

    def _new_driver(self) -> Driver:
        driver = Driver(self._make_machine(), self, self._clock)
        driver.lingering = self._network.lingering
        return driver

    def _refused(self, failure: Failure) -> None:
        if self.state is LinkState.CONNECTING:
            self._failed(end_reason(failure))

    def _too_slow(self) -> None:
        self._failed(f"no hello within connect_timeout of {self._options.connect_timeout:g} s")

    def _failed(self, reason: str) -> None:
        # Tries out of turn are no part of the schedule, or traffic would lengthen it.
        self._failures += not self._out_of_turn
        self._out_of_turn = False
        self._failed_at = self._clock.seconds()
        self.reason = reason
        self._set(LinkState.WAITING)
        delay_s = self._backoff.delay_s(self._failures, self._chance.random())
        self._timer = self._clock.callLater(delay_s, self._become_idle)
        self._stop_connecting(reason)
        self._refuse_wanting()
        self._changed(self)

    def _stop_connecting(self, reason: str) -> None:
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        greeting, self._greeting = self._greeting, None
        if greeting is not None:
            greeting.abort(reason)

    def _become_idle(self) -> None:
        self._set(LinkState.IDLE)
        self._changed(self)
        if self.kept and self.state is LinkState.IDLE:
            self._connect()

    # READY.

    def connected(self, driver: Driver) -> None:
        # Two at once can be there when a name has several addresses.
        if self.state is LinkState.CONNECTING and self._greeting is None:
            self._greeting = driver
            if _reached_itself(driver):
                driver.abort("nobody listens there: the connection reached itself")
        else:
            driver.abort("no longer wanted")

    def greeted(self, driver: Driver) -> None:
        if driver is not self._greeting:
            return
        self._greeting = self._dialling = None
        self._failures = 0
        self._out_of_turn = False
        self.driver = driver
        self._ready_since = self._clock.seconds()
        self._watched[driver] = self._keepalive(driver), self._idle_watch(driver)
        self._set(LinkState.READY)
        self._changed(self)
        wanting, self._wanting = self._wanting, {}
        for waiter in wanting:
            if not waiter.called:
                waiter.callback(driver)

    def peer_leaving(self, driver: Driver, reason: str) -> None:
        if driver is self.driver:
            self._leaving.setdefault(driver)
            served = driver.newest_call > 0
            least_s = 0.0 if served else _STAYED * self._options.initial_backoff
            self._lost(reason or "the peer is leaving", least_s)
        self._close_when_empty(driver, "the peer is leaving")

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
        _stop(self._leaving.pop(driver, None))
        if driver in self._watched:
            keepalive, idle = self._watched.pop(driver)
            keepalive.stop()
            if idle is not None:
                idle.stop()
            self.past = total((self.past, calls_at_end(driver)))
        if driver.pinged_too_often:
            self.keepalive_floor_s = 2 * max(self._options.keepalive, self.keepalive_floor_s)
        if driver is self.driver:
            self._lost(reason, self._options.initial_backoff)
        elif driver is self._greeting:
            self._failed(reason)

    def _rest(self, driver: Driver) -> None:
        """
        Close a connection that had no call for long; kept or not, until it is wanted.
        """
        if driver is self.driver:
            self.driver = None
            self.reason = f"it had no call for the idle time of {self._options.idle_timeout:g} s"
            self._set(LinkState.IDLE)
            self._changed(self)
            driver.close(self.reason)

    def _lost(self, reason: str, least_s: float) -> None:
        """
        Take note that there is no connection any more.

        Args:
            least_s: how long it must have lived for another to be dialled at once. 0 for
                a peer that took calls and left in good order, as proxies do after so
                many calls, however soon those came.
        """
        self.driver = None
        self.reason = reason
        lived_s = self._clock.seconds() - self._ready_since
        if lived_s < least_s:
            # A peer that greets and hangs up must not be dialled in a tight loop.
            self._failed(reason)
        else:
            self._become_idle()

    # Pieces.

    def _idle_watch(self, driver: Driver) -> IdleWatch | None:
        idle_s = self._options.idle_timeout
        return IdleWatch(driver, self._clock, idle_s, self._rest) if idle_s else None

    def _keepalive(self, driver: Driver) -> Keepalive:
        interval_s, timeout_s = self._options.keepalive, self._options.keepalive_timeout
        floor_s = self.keepalive_floor_s
        if interval_s:
            interval_s = max(interval_s, floor_s)
        return Keepalive(
            driver,
            self._clock,
            interval_s,
            timeout_s,
            idle=not floor_s,
            frame_s=self._options.frame_timeout,
        )

    def _set(self, state: LinkState) -> None:
        self.state = state
        _stop(self._timer)
        self._timer = None

    def _refuse_wanting(self) -> None:
        wanting, self._wanting = self._wanting, {}
        for waiter in wanting:
            if not waiter.called:
                waiter.errback(self._unavailable())

    def _unavailable(self) -> Unavailable:
        return Unavailable(f"no connection to {self.address}: {self.reason}", hints=Hint.NEVER_SENT)

    def _close_when_empty(self, driver: Driver, reason: str) -> None:
        if driver not in self._leaving:
            return
        _stop(self._leaving[driver])
        if driver.listeners:
            look = self._close_when_empty
            self._leaving[driver] = self._clock.callLater(_LOOK_AGAIN_S, look, driver, reason)
        else:
            driver.close(reason)


def _reached_itself(driver: Driver) -> bool:
    """
    Tell whether both ends are one socket.

    TCP allows that. It happens when a port is dialled that nobody listens at, and the
    system chooses the same one for this end: ports of servers that have just stopped.
    """
    here: Any = driver.transport.getHost()
    there: Any = driver.transport.getPeer()
    ends = [(end.host, end.port) for end in (here, there) if hasattr(end, "port")]
    return len(ends) == 2 and ends[0] == ends[1]


def _stop(timer: DelayedCall | None) -> None:
    if timer is not None and timer.active():
        timer.cancel()
