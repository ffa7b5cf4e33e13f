"""
Metrics of all connection pools of a process.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.spi.runtime.metrics import Counter, Meter
from rpcfw.transport.pool.link import Link
from rpcfw.transport.pool.link_state import LinkState

__all__ = ["PoolCounts"]


class PoolCounts:
    """
    How often calls found all connections full, and how connections came and went.

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
        connects = meter.counter(
            "rpcfw_client_connects_total", "attempts to connect that have ended", "result"
        )
        ended = meter.counter(
            "rpcfw_client_connections_ended_total",
            "connections that take no more calls: lost, idle, left by the peer or closed",
        ).of()
        #: By the states of a link before and after.
        self._changes: dict[tuple[LinkState, LinkState], Counter] = {
            (LinkState.CONNECTING, LinkState.READY): connects.of("connected"),
            (LinkState.CONNECTING, LinkState.WAITING): connects.of("failed"),
            **dict.fromkeys(((LinkState.READY, state) for state in LinkState), ended),
        }

    def watched(self, changed: Callable[[Link], None]) -> Callable[[Link], None]:
        """
        Return ``changed``, which is called after each change of one link, with counting before.
        """
        before = LinkState.IDLE

        def counted(link: Link) -> None:
            nonlocal before
            after = link.state
            if after is not before:
                counter = self._changes.get((before, after))
                before = after
                if counter is not None:
                    counter.value += 1
            changed(link)

        return counted
