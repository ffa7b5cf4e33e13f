"""
How often a client may ping.

A ping that comes too early is a strike. After too many strikes the connection is closed. When
the server sends HEADERS or DATA the strikes are reset, as in gRPC (proposal A8). Pings that came
while this process did not run are read together, so the lost time is credited to them.
"""

from __future__ import annotations

from math import inf

from rpcfw.server.options import ServerOptions
from rpcfw.spi.runtime.pauses import Pauses

__all__ = ["PingStrikes"]

#: gRPC servers tolerate as many (GRPC_ARG_HTTP2_MAX_PING_STRIKES).
_MAX_STRIKES = 2
#: Least time between two pings without an open call, if these are not allowed.
_WITHOUT_CALLS_S = 2 * 3600.0
#: Pings that are sent at even intervals arrive at uneven ones.
_SLACK = 0.99


class PingStrikes:
    """
    Counts the early pings of one client.

    Args:
        options: see `ServerOptions`.
        pauses: the times in which this process did not run.
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
        Count a ping, and return whether it is one too many. It is true once only.

        Args:
            now: when it came.
            calling: a call is open.
            answered: HEADERS or DATA were sent since the ping before.
        """
        since_s, self._last_at = now - self._last_at, now
        missing_s = (self._interval_s if calling else self._idle_interval_s) - since_s
        if answered:
            self._strikes = 0
        elif missing_s > 0 and not self._credit.pays(missing_s):
            self._strikes += 1
            return self._strikes == _MAX_STRIKES + 1
        return False
