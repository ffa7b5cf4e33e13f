"""
The leases of a registry server: a record that is not renewed is removed.

A server that was paused has received no renewals, so leases last that much longer.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define

from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.timers import Timers

__all__ = ["Leases"]


@define(eq=False)
class _Lease:
    """
    The time of one record.

    Renewing moves ``deadline`` alone, and the timer finds out when it comes: so a
    renewal touches no timer.
    """

    service: str
    id: str
    deadline: float
    watched: float
    #: What the node had lost when the deadline was set.
    lost_s: float
    ended: Callable[[_Lease], None]

    def expire(self) -> None:
        self.ended(self)


class Leases:
    """
    The leases of one server.

    Args:
        pauses: the time that this process lost.
        expired: is called with service and id of what was not renewed in time.
    """

    def __init__(self, timers: Timers, pauses: Pauses, expired: Callable[[str, str], None]) -> None:
        self._timers = timers
        self._pauses = pauses
        self._expired = expired
        self._leases: dict[tuple[str, str], _Lease] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def grant(self, service: str, id: str, lease_s: float) -> None:
        """
        Give, or renew, time.
        """
        deadline = self._timers.seconds() + lease_s
        lost_s = self._pauses.lost_s()
        lease = self._leases.get((service, id))
        if lease is not None:
            lease.deadline, lease.lost_s = deadline, lost_s
            if deadline >= lease.watched:
                return
            self._timers.forget(lease.watched, lease)
        else:
            lease = _Lease(service, id, deadline, deadline, lost_s, self._ended)
            self._leases[service, id] = lease
        lease.watched = deadline
        self._timers.watch(deadline, lease)

    def end(self, service: str, id: str) -> None:
        """
        Forget a lease: what it was for is gone otherwise.
        """
        lease = self._leases.pop((service, id), None)
        if lease is not None:
            self._timers.forget(lease.watched, lease)

    def end_all(self) -> None:
        """
        Forget all: the node stops.
        """
        for lease in self._leases.values():
            self._timers.forget(lease.watched, lease)
        self._leases.clear()

    def _ended(self, lease: _Lease) -> None:
        lost_s = self._pauses.lost_s()
        lease.deadline += lost_s - lease.lost_s
        lease.lost_s = lost_s
        # Not compared with the clock: a timer may come a fraction of a microsecond early, and would
        # come again in the same turn.
        if lease.deadline > lease.watched:
            lease.watched = lease.deadline
            self._timers.watch(lease.deadline, lease)
            return
        del self._leases[lease.service, lease.id]
        self._expired(lease.service, lease.id)
