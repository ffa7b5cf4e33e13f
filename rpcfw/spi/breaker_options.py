"""
What the INI may say of any circuit breaker.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.options import below_minimum, option, options
from rpcfw.spi.status_names import status_problem
from rpcfw.values.units import Seconds, Share

__all__ = ["BreakerOptions"]


@options
class BreakerOptions:
    """
    The options that all breakers have.
    """

    open_time: Seconds = option("5s", "how long a node is left alone before it is probed")
    max_open_time: Seconds = option("60s", "longest open time; it doubles with each failed probe")
    open_jitter: Share = option("20%", "random part of the open time, added or subtracted")
    max_probes: int = option("1", "maximum number of probes at a time")
    closing_probes: int = option("2", "successful probes in a row that close the breaker")
    statuses: tuple[str, ...] = option(
        "UNAVAILABLE, DEADLINE_EXCEEDED", "statuses that count as failures; others never do"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no breaker could be made of.
        """
        yield from below_minimum(self, {"max_probes": 1, "closing_probes": 1})
        if self.open_time <= 0:
            yield "open_time", "must be more than 0s"
        if self.max_open_time < self.open_time:
            yield "max_open_time", f"must be at least open_time, {self.open_time:g}s"
        for problem in filter(None, map(status_problem, self.statuses)):
            yield "statuses", problem
