"""
The heartbeats of one node: pings, and what their answers say.

Theory of operation. Every byte that comes proves that the node is alive, so a busy connection
needs no pings. A node is pinged if calls are open and nothing has come for about one heartbeat
interval, or if an attempt has overrun its time meanwhile. Then one ping is on its way, and each
further interval without a byte is a missed heartbeat. More pings would prove nothing: TCP
delivers all of them, or none. While the ping waits for a large message that the peer's system
takes bit by bit, nothing is missed (`rpcfw.transport.connection.delivery`).

A method may take long, and a stream may be silent for hours; their nodes are healthy. So after
each answer the interval doubles, up to that of an idle node, until another call is begun. While
a node is sub-healthy it is pinged in each interval, because nothing else may come from it.

Servers of gRPC close a connection at the third ping that comes too soon, unless they have sent
HEADERS or DATA since the one before (proposal A8). So a node of such a wire gets two pings at
most until a call on it succeeds, and none while it is idle. When it may not be pinged, time
without a fault counts as answers. Otherwise a sub-healthy node without calls would never recover.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.cluster.health.options import HealthOptions
from rpcfw.transport.connection.delivery import Delivery
from rpcfw.transport.connection.driver import Driver

__all__ = ["Heartbeats"]

#: The pings that a server tolerates that counts them.
_MAX_PINGS = 2
#: For floats that should be equal.
_SLACK = 1e-6


class Heartbeats:
    """
    Of one node, since it was connected.

    Args:
        options: see `HealthOptions`.
        limited: the server counts pings.
        now: when it was connected.
    """

    __slots__ = (
        "_answered_at",
        "_begun",
        "_deliveries",
        "_interval_s",
        "_limited",
        "_missed_since",
        "_options",
        "_pinged_at",
        "_pings",
        "_succeeded",
        "answered",
        "missed",
    )

    def __init__(self, options: HealthOptions, limited: bool, now: float) -> None:
        #: Heartbeats that were missed in a row until now.
        self.missed = 0
        #: Heartbeats that were answered in a row until now; they are counted if asked for.
        self.answered = 0
        self._options = options
        self._limited = limited
        self._interval_s = options.heartbeat
        #: When the ping was sent that is not answered yet.
        self._pinged_at: float | None = None
        #: From when on its time counts.
        self._missed_since = now
        #: How far that ping has come, on each connection.
        self._deliveries: list[Delivery] = []
        self._answered_at = now
        #: Calls that were begun until the last look.
        self._begun = 0
        #: Pings since a call succeeded, and how many calls had succeeded then.
        self._pings = 0
        self._succeeded = 0

    def use(self, options: HealthOptions) -> None:
        """
        Go by other options from now on.
        """
        self._options = options
        self._interval_s = options.heartbeat

    @property
    def unanswered(self) -> bool:
        """
        Whether a ping is on its way.
        """
        return self._pinged_at is not None

    def excuse(self, seconds: float) -> None:
        """
        Take into account that this process itself did not read for so long.
        """
        # Not that of the ping: its answer may have come before.
        self._missed_since += seconds

    def look(self, drivers: Sequence[Driver], now: float, *, often: bool, overran: bool) -> None:
        """
        See what has come, and send a ping if one is due.

        Args:
            drivers: the connections, at least one.
            often: ping in each interval, and count the answers.
            overran: an attempt has overrun its time since the last look.
        """
        alive_at = max([driver.alive_at for driver in drivers])
        if self._pinged_at is not None and not self._is_answered(alive_at, now):
            return
        begun = sum([driver.begun for driver in drivers])
        if often or begun != self._begun:
            self._interval_s = self._options.heartbeat
        self._begun = begun
        silent_s = now - alive_at + _SLACK
        if often and silent_s < self._options.heartbeat:
            self._count_answer(now)
        elif self._is_due(drivers, silent_s, often, overran):
            self._ping(drivers, now, often)

    def _is_answered(self, alive_at: float, now: float) -> bool:
        """
        Tell whether anything has come since the ping; if not, count what is missed.
        """
        assert self._pinged_at is not None
        if alive_at < self._pinged_at:
            if any(each.progresses() for each in self._deliveries):
                self._missed_since = now
            self.missed = int((now - self._missed_since) / self._options.heartbeat + _SLACK)
            if self.missed:
                self.answered = 0
            return False
        self._pinged_at = None
        self._deliveries = []
        self.missed = 0
        self._interval_s = min(
            2 * self._interval_s, max(self._options.idle_heartbeat, self._options.heartbeat)
        )
        self._count_answer(now)
        return True

    def _count_answer(self, now: float) -> None:
        if now - self._answered_at + _SLACK >= self._options.heartbeat:
            self._answered_at = now
            self.answered += 1

    def _is_due(
        self, drivers: Sequence[Driver], silent_s: float, often: bool, overran: bool
    ) -> bool:
        if overran and silent_s >= self._options.heartbeat / 2:
            return True
        if often or any(driver.listeners for driver in drivers):
            return silent_s >= self._interval_s
        idle_s = self._options.idle_heartbeat
        return bool(idle_s) and not self._limited and silent_s >= idle_s

    def _ping(self, drivers: Sequence[Driver], now: float, often: bool) -> None:
        if self._limited and not self._may_ping(drivers):
            if often:
                self._count_answer(now)
            return
        self._pinged_at = self._missed_since = now
        for driver in drivers:
            driver.ping()
        self._deliveries = [driver.delivery() for driver in drivers]

    def _may_ping(self, drivers: Sequence[Driver]) -> bool:
        succeeded = sum([one.begun - one.failed - len(one.listeners) for one in drivers])
        if succeeded != self._succeeded:
            self._succeeded = succeeded
            self._pings = 0
        self._pings += 1
        return self._pings <= _MAX_PINGS
