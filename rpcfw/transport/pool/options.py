"""
Options of the connections to servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from attrs import evolve

from rpcfw.spi.options import below_minimum, option, options
from rpcfw.values.backoff import Backoff
from rpcfw.values.units import Seconds, Share

__all__ = ["LinkOptions"]

#: With a shorter delay, an unreachable peer would be dialled in a tight loop.
_MIN_BACKOFF_S = 0.01
#: With a shorter timeout, connections would come and go with every burst of calls.
_MIN_IDLE_S = 1.0


@options
class LinkOptions:
    """
    How connections to servers are kept.
    """

    connect_timeout: Seconds = option(
        "5s", "time limit for connecting, with TLS and the peer's first frames"
    )
    initial_backoff: Seconds = option(
        "1s", "delay after the first failure to connect", was="backoff"
    )
    backoff_multiplier: float = option("1.6", "factor of each further delay", was="backoff_factor")
    max_backoff: Seconds = option(
        "120s", "longest delay between two attempts to connect", was="backoff_most"
    )
    backoff_jitter: Share = option("20%", "random part of the delay, added or subtracted")
    keepalive: Seconds = option("30s", "idle time after which a keepalive ping is sent; 0s: never")
    keepalive_timeout: Seconds = option("10s", "time limit for the answer to that ping")
    frame_timeout: Seconds = option(
        "60s", "time limit for one frame of a server, also of a large message; 0s: no limit"
    )
    max_connections: int = option(
        "4",
        "maximum number of connections to one server; used when the others are full",
        was="most_connections",
    )
    max_waiting_calls: int = option(
        "10000",
        "maximum number of calls that wait for a connection, for each server",
        was="most_waiting",
    )
    surplus_idle_timeout: Seconds = option(
        "30s",
        "an additional connection without calls is closed after this time",
        was="surplus_idle",
    )
    idle_timeout: Seconds | None = option(
        "",
        "a connection without a call for this time is closed until a call needs it; empty: never",
        was="idle",
    )

    def schedule(self) -> Backoff:
        """
        Return the delays between tries.
        """
        return Backoff(
            self.initial_backoff, self.backoff_multiplier, self.max_backoff, self.backoff_jitter
        )

    def noticing(self, max_silence_s: float) -> LinkOptions:
        """
        Return the same options with keepalive pings that notice silence within this time.
        """
        noticed_s = self.keepalive + self.keepalive_timeout if self.keepalive else inf
        if noticed_s <= max_silence_s:
            return self
        third_s = max_silence_s / 3
        return evolve(self, keepalive=2 * third_s, keepalive_timeout=third_s)  # type: ignore[misc]  # attrs all the same

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find values that would dial in a tight loop, or allow no connection at all.
        """
        yield from below_minimum(self, {"max_connections": 1, "max_waiting_calls": 0})
        if self.surplus_idle_timeout < _MIN_IDLE_S:
            yield "surplus_idle_timeout", f"must be at least 1s, not {self.surplus_idle_timeout:g}s"
        if self.initial_backoff < _MIN_BACKOFF_S:
            yield "initial_backoff", f"must be at least 10ms, not {self.initial_backoff:g}s"
        if self.backoff_multiplier < 1:
            yield "backoff_multiplier", f"must be at least 1, not {self.backoff_multiplier:g}"
        if self.connect_timeout <= 0:
            yield "connect_timeout", f"must be more than 0, not {self.connect_timeout:g}s"
        if self.idle_timeout is not None and self.idle_timeout < _MIN_IDLE_S:
            yield "idle_timeout", f"must be at least 1s, or empty, not {self.idle_timeout:g}s"
