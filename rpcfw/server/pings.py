"""
How often a client may ask for a sign of life.

What comes too soon is a strike; a client that goes on is cut off. Whatever the server
itself says of calls forgives: a client may want to know whether what follows will come.
"""

from __future__ import annotations

from math import inf

from rpcfw.server.options import ServerOptions

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
    """

    def __init__(self, options: ServerOptions) -> None:
        interval_s = options.min_ping_interval
        self._interval_s = interval_s * _SLACK
        self._idle_interval_s = self._interval_s
        if interval_s and not options.pings_without_calls:
            self._idle_interval_s = max(interval_s, _WITHOUT_CALLS_S) * _SLACK
        self._last_at = -inf
        self._strikes = 0

    def is_out(self, now: float, *, calling: bool, answered: bool) -> bool:
        """
        Count a ping; tell whether it is the one too many. That is told once.

        Args:
            now: when it came.
            calling: a call is open.
            answered: something was said of calls since the ping before.
        """
        since_s, self._last_at = now - self._last_at, now
        if answered:
            self._strikes = 0
        elif since_s < (self._interval_s if calling else self._idle_interval_s):
            self._strikes += 1
            return self._strikes == _MOST_STRIKES + 1
        return False
