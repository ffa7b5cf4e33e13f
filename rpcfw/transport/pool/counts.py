"""
Metrics of all connection pools of a process.
"""

from __future__ import annotations

from rpcfw.spi.runtime.metrics import Meter

__all__ = ["PoolCounts"]


class PoolCounts:
    """
    How often calls found all connections full.

    Args:
        meter: of the process.
    """

    def __init__(self, meter: Meter) -> None:
        name = "rpcfw_client_calls_waited_total"
        self.waited = meter.counter(name, "calls that waited: all connections were full").of()
        name = "rpcfw_client_calls_unplaced_total"
        self.refused = meter.counter(name, "calls refused: too many waited already").of()
        name = "rpcfw_client_further_connections_total"
        self.further = meter.counter(name, "connections opened because others were full").of()
        name = "rpcfw_client_calls_waiting"
        self.waiting = meter.gauge(name, "calls that wait for a connection with capacity").of()
