"""
What may be said of kept connections.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.options import option, options
from rpcfw.values.backoff import Backoff
from rpcfw.values.units import Seconds, Share

__all__ = ["LinkOptions"]

#: Below this, a peer that is away would be dialled in a tight loop.
_LEAST_BACKOFF_S = 0.01
#: Below this, connections would come and go with every burst of calls.
_LEAST_IDLE_S = 1.0


@options
class LinkOptions:
    """
    How connections to servers are kept.
    """

    connect_timeout: Seconds = option("5s", "limit for connecting, the peer's hello included")
    initial_backoff: Seconds = option(
        "1s", "delay after the first failure to connect", was="backoff"
    )
    backoff_multiplier: float = option(
        "1.6", "what each further delay is multiplied by", was="backoff_factor"
    )
    max_backoff: Seconds = option("120s", "longest delay between two tries", was="backoff_most")
    backoff_jitter: Share = option("20%", "share of the delay that chance adds or takes")
    keepalive: Seconds = option("30s", "silence after which a sign of life is asked for; 0s: never")
    keepalive_timeout: Seconds = option("10s", "how long the sign of life may take")
    frame_timeout: Seconds = option(
        "60s", "how long a server may take for one frame, a large message too; 0s: any time"
    )
    max_connections: int = option(
        "4",
        "connections to one server; further ones while the others take no more calls",
        was="most_connections",
    )
    max_waiting_calls: int = option(
        "10000",
        "calls that may wait for these, or for room on them, for each server",
        was="most_waiting",
    )
    surplus_idle_timeout: Seconds = option(
        "30s", "a further connection without calls is closed after this", was="surplus_idle"
    )
    idle_timeout: Seconds | None = option(
        "",
        "a connection without a call for so long is closed until it is wanted; empty: never",
        was="idle",
    )

    def schedule(self) -> Backoff:
        """
        Return the delays between tries.
        """
        return Backoff(
            self.initial_backoff, self.backoff_multiplier, self.max_backoff, self.backoff_jitter
        )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what would dial in a tight loop, and what leaves no room at all.
        """
        for name, least in (("max_connections", 1), ("max_waiting_calls", 0)):
            if getattr(self, name) < least:
                yield name, f"must be at least {least}, not {getattr(self, name)}"
        if self.surplus_idle_timeout < _LEAST_IDLE_S:
            yield "surplus_idle_timeout", f"must be at least 1s, not {self.surplus_idle_timeout:g}s"
        if self.initial_backoff < _LEAST_BACKOFF_S:
            yield "initial_backoff", f"must be at least 10ms, not {self.initial_backoff:g}s"
        if self.backoff_multiplier < 1:
            yield "backoff_multiplier", f"must be at least 1, not {self.backoff_multiplier:g}"
        if self.connect_timeout <= 0:
            yield "connect_timeout", f"must be more than 0, not {self.connect_timeout:g}s"
        if self.idle_timeout is not None and self.idle_timeout < _LEAST_IDLE_S:
            yield "idle_timeout", f"must be at least 1s, or empty, not {self.idle_timeout:g}s"
