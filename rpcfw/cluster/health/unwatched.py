"""
Health that nobody watches: of a channel to one address, or where it is switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rpcfw.cluster.health.monitor import HealthMonitor
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.probed_nodes import ProbedNodes
from rpcfw.cluster.health.probes import Probes
from rpcfw.cluster.health.reports import HealthReports
from rpcfw.cluster.node import Node
from rpcfw.transport.runtime import Runtime

__all__ = ["Unwatched", "health_monitor"]


class Unwatched:
    """
    Has the methods of a `HealthMonitor`, and leaves every node healthy.
    """

    panic_share = 0.0

    def watch(self, nodes: Iterable[Node]) -> None:
        pass

    def links_changed(self, node: Node) -> None:
        pass

    def reason(self, node: Node) -> str:
        return ""

    def probers_say(self, node: Node) -> str:
        return ""

    def stop(self) -> None:
        pass


def health_monitor(
    service: str,
    options: HealthOptions | None,
    runtime: Runtime,
    probes: Probes | None,
    changed: Callable[[], None],
) -> HealthMonitor | Unwatched:
    """
    Return what watches the health of the nodes of a service, if the options ask for it.

    Args:
        options: None for a channel to one address.
        probes: the reports of probers; None: there is no registry with them.
        changed: called when the health of a node has changed.
    """
    if options is None or not options.enabled:
        return Unwatched()
    meter = runtime.plugin_context.meter
    reports = HealthReports(service, meter, runtime.log)
    probed = ProbedNodes(service, probes, meter)
    return HealthMonitor(service, options, runtime.clock, reports, probed, changed)
