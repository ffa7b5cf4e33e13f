"""
How often a client may ping.

What comes too soon is a strike; a client that goes on is cut off. Whatever the server
itself says of calls forgives: a client may want to know whether what follows will come. Pings that
came while this process was away are read at once; their distance is what it was at most.
"""

from __future__ import annotations

from math import inf

from rpcfw.server.options import ServerOptions
from rpcfw.spi.runtime.pauses import Pauses

__all__ = ["PingStrikes"]

#: So many are borne, as gRPC's servers bear them.
_MOST_STRIKES = 2
#: What is due between two pings without an open call, if those are not wanted.
_WITHOUT_CALLS_S = 2 * 3600.0
#: Pings that leave at even intervals do not come so.
_SLACK = 0.99


class PingStrikes:
    """
    The pings of one client.

    Args:
        options: see `ServerOptions`.
        pauses: the time that this process lost.
    """

    def __init__(self, options: ServerOptions, pauses: Pauses) -> None:
        interval_s = options.min_ping_interval
        self._interval_s = interval_s * _SLACK
        self._idle_interval_s = self._interval_s
        if interval_s and not options.pings_without_calls:
            self._idle_interval_s = max(interval_s, _WITHOUT_CALLS_S) * _SLACK
        self._last_at = -inf
        self._strikes = 0
        self._credit = pauses.credit()

    def is_out(self, now: float, *, calling: bool, answered: bool) -> bool:
        """
        Count a ping; tell whether it is the one too many. That is told once.

        Args:
            now: when it came.
            calling: a call is open.
            answered: something was said of calls since the ping before.
        """
        since_s, self._last_at = now - self._last_at, now
        missing_s = (self._interval_s if calling else self._idle_interval_s) - since_s
        if answered:
            self._strikes = 0
        elif missing_s > 0 and not self._credit.pays(missing_s):
            self._strikes += 1
            return self._strikes == _MOST_STRIKES + 1
        return False
