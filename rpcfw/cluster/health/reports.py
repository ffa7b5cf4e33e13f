"""
What is logged and counted of the health of nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rpcfw.cluster.node import Node
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.node_health import NodeHealth

__all__ = ["HealthReports"]


class HealthReports:
    """
    Of the nodes of one service.

    Args:
        service: its name.
        meter: of the process.
        log: one line for each transition, as long as there are not too many.
    """

    def __init__(self, service: str, meter: Meter, log: LimitedLog) -> None:
        self._service = service
        self._log = log
        name = "rpcfw_client_node_health_changes_total"
        changes = meter.counter(name, "nodes that came into a state of health", "service", "to")
        self._changes = {health: changes.of(service, str(health)) for health in NodeHealth}
        name = "rpcfw_client_nodes"
        nodes = meter.gauge(name, "nodes by their health", "service", "health")
        self._nodes = {health: nodes.of(service, str(health)) for health in NodeHealth}

    def count(self, nodes: Iterable[Node]) -> None:
        """
        Count the nodes in each state.
        """
        found = Counter(node.health for node in nodes)
        for health, gauge in self._nodes.items():
            gauge.value = found[health]

    def moved(self, node: Node, before: NodeHealth, reason: str) -> None:
        """
        Report one transition.
        """
        after = node.health
        self._nodes[before].value -= 1
        self._nodes[after].value += 1
        self._changes[after].value += 1
        log = self._log.note_of if after is NodeHealth.HEALTHY else self._log.warn_of
        log(
            f"{self._service} {after}",
            "{peer} of {service} is {after}, it was {before}: {reason}",
            peer=node.peer,
            service=self._service,
            after=str(after),
            before=str(before),
            reason=reason,
        )
