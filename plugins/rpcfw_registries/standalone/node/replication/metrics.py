"""
What one registry server counts of its group.
"""

from __future__ import annotations

from rpcfw.spi.runtime.metrics import Meter

__all__ = ["GroupMetrics"]


class GroupMetrics:
    """
    The metrics of one group.
    """

    def __init__(self, meter: Meter) -> None:
        self.unreadable = meter.counter(
            "rpcfw_registry_bus_unreadable_total", "messages of the bus that could not be read"
        ).of()
        self.dropped = meter.counter(
            "rpcfw_registry_bus_dropped_total", "messages that the bus did not take"
        ).of()
        self.refused = meter.counter(
            "rpcfw_registry_not_taken_total",
            "instances of other servers that exceeded a limit of this one, at each attempt",
        ).of()
        self.compared = meter.counter(
            "rpcfw_registry_compared_total", "comparisons with the copy of another server"
        ).of()
        self.connected = meter.gauge(
            "rpcfw_registry_bus_connected", "1 while the bus is connected"
        ).of()
        self.behind = meter.gauge(
            "rpcfw_registry_behind", "1 while this server may lack what the others know"
        ).of()
        self.members = meter.gauge(
            "rpcfw_registry_members", "other servers of the group that send messages"
        ).of()
