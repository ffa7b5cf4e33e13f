"""
The options of ``[client]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rpcfw.client.channel import TimeLimits
from rpcfw.cluster.directory import DirectoryOptions
from rpcfw.kernel.edits import Insert
from rpcfw.spi.options import option, options
from rpcfw.values.units import Seconds

__all__ = ["ClientOptions"]


@options
class ClientOptions(TimeLimits, DirectoryOptions):
    """
    How services are called.
    """

    attempt_timeout: Seconds | None = option(
        "", "time limit of one attempt; empty: only that of the call"
    )
    service_config: Path | None = option(
        "", "JSON file with a gRPC service config: time limits, retries and hedging by method"
    )
    protocols: tuple[str, ...] = option("native", "wire protocols to use, best first")
    routers: tuple[str, ...] = option(
        "", "routers in their order, each with a section [router NAME]"
    )
    limiters: tuple[str, ...] = option(
        "", "limiters in their order, each with a section [limiter NAME]"
    )
    insert: tuple[Insert, ...] = option(
        "", "filters to insert, as: mine before ATTEMPTS, yours before BREAKER"
    )
    remove: tuple[str, ...] = option("", "filters to remove, by their place")
    max_connected_nodes: int = option(
        "64",
        "number of nodes that stay connected without calls; others connect for a call",
        was="kept_links",
    )

    warm_up: Seconds = option(
        "0s", "time in which the weight of a node that has just started grows; 0s: none"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield each wrong option, with the reason.
        """
        if not self.protocols:
            yield "protocols", "name at least one wire protocol, such as native"
        for name in ("timeout", "stream_timeout", "attempt_timeout"):
            if getattr(self, name) == 0:
                without = "empty" if name == "attempt_timeout" else "none"
                yield name, f"must be more than 0s: no call could succeed; {without}: no limit"
        if self.max_connected_nodes < 0:
            yield "max_connected_nodes", f"must be at least 0, not {self.max_connected_nodes}"
