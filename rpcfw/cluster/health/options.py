"""
The options of ``[health]``.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.options import below_minimum, option, options
from rpcfw.values.units import Seconds, Share

__all__ = ["HealthOptions"]

#: With a shorter time, the heartbeats would be a load, and a usual pause would look like a fault.
_MIN_HEARTBEAT_S = 0.05


@options
class HealthOptions:
    """
    How the health of nodes is found out.

    With the defaults, a node that answers nothing is left out after about a second, and its
    connections are closed after about 2.5 s: within the default time limit of a call, and not
    when a node is merely busy for 2 s.
    """

    enabled: bool = option("yes", "no: every node is healthy as long as it is connected")
    heartbeat: Seconds = option(
        "250ms",
        "a node with open calls is pinged when nothing came from it for this time; "
        "if its answer takes longer, the heartbeat is missed",
    )
    idle_heartbeat: Seconds = option("10s", "the same for a node without open calls; 0s: never")
    missed_heartbeats: int = option(
        "3", "a node that misses so many heartbeats in a row becomes sub-healthy"
    )
    max_missed_heartbeats: int = option(
        "9", "it is dead, and its connections are closed, after so many, if others answer"
    )
    answered_heartbeats: int = option(
        "4", "a sub-healthy node that answers so many in a row is healthy again"
    )
    watch: bool = option(
        "no",
        "ask grpc.health.v1.Health of each node whether it serves the service; "
        "one that says no is sub-healthy; one without that service is not asked again",
    )
    probes: bool = option(
        "no",
        "use the reports of probers (rpcfw probe) in the registry: a node that none of them "
        "reaches is left out sooner",
    )
    retry_delay: Seconds = option(
        "5s",
        "longest delay before a dead node is connected to again; or a tenth of the time for "
        "which it is dead, if that is longer",
    )
    window: Seconds = option("10s", "time over which the availability rate is measured")
    min_calls: int = option("20", "minimum number of calls of a node in that time for a rate")
    min_availability: Share = option(
        "90%", "a node is ejected if its rate is below this, and clearly below that of the others"
    )
    deviations: float = option(
        "1.9",
        "also, with at least five nodes, if it is so many standard deviations below the mean; "
        "0: not for that",
    )
    ejection_time: Seconds = option("5s", "time of the first ejection; the second takes twice that")
    max_ejection_time: Seconds = option("300s", "longest time of an ejection")
    max_ejected: Share = option("30%", "maximum share of nodes that are ejected; at least one")
    panic_share: Share = option(
        "50%", "if less than this share of the nodes is healthy, sub-healthy ones are used, too"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find values that would never, or always, find something wrong.
        """
        if self.heartbeat < _MIN_HEARTBEAT_S:
            yield "heartbeat", f"must be at least 50ms, not {self.heartbeat:g}s"
        if 0 < self.idle_heartbeat < self.heartbeat:
            yield "idle_heartbeat", "must be 0s, or at least as long as heartbeat"
        counts = ("missed_heartbeats", "answered_heartbeats", "min_calls")
        yield from below_minimum(self, dict.fromkeys(counts, 1))
        if self.max_missed_heartbeats <= self.missed_heartbeats:
            yield "max_missed_heartbeats", "must be more than missed_heartbeats"
        for name in ("window", "retry_delay", "ejection_time"):
            if getattr(self, name) < 1:
                yield name, f"must be at least 1s, not {getattr(self, name):g}s"
        if self.max_ejection_time < self.ejection_time:
            yield "max_ejection_time", "must be at least as long as ejection_time"
        if self.deviations < 0:
            yield "deviations", f"must be at least 0, not {self.deviations:g}"
