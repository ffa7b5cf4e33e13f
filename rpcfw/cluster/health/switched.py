"""
The health of the nodes of one service, watched by options that may change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rpcfw.cluster.health.monitor import HealthMonitor
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.probes import Probes
from rpcfw.cluster.health.unwatched import Unwatched, health_monitor
from rpcfw.cluster.node import Node
from rpcfw.transport.runtime import Runtime
from rpcfw.values.node_health import NodeHealth

__all__ = ["SwitchedHealth"]


class SwitchedHealth:
    """
    Has the methods of a `HealthMonitor`, and one if the options ask for it.

    Args:
        service: its name.
        options: None for a channel to one address.
        runtime: what the process shares.
        probes: the reports of probers; None: there is no registry with them.
        changed: called when the health of a node has changed.
    """

    def __init__(
        self,
        service: str,
        options: HealthOptions | None,
        runtime: Runtime,
        probes: Probes | None,
        changed: Callable[[], None],
    ) -> None:
        self._service = service
        self._options = options
        self._runtime = runtime
        self._probes = probes
        self._changed = changed
        self._monitor: HealthMonitor | Unwatched = self._make()

    @property
    def panic_share(self) -> float:
        """
        If less than this share of the nodes is healthy, all of them are used.
        """
        return self._monitor.panic_share

    def use(self, options: HealthOptions | None, nodes: Iterable[Node]) -> None:
        """
        Go by other options from now on.

        Args:
            nodes: those of the service.
        """
        if options == self._options:
            return
        self._options = options
        if isinstance(self._monitor, HealthMonitor) and options is not None and options.enabled:
            self._monitor.use(options)
        else:
            self._switch(tuple(nodes))
        self._changed()

    def watch(self, nodes: Iterable[Node]) -> None:
        """
        Watch these nodes from now on, and no others.
        """
        self._monitor.watch(nodes)

    def links_changed(self, node: Node) -> None:
        """
        See what has become of the connections to a node.
        """
        self._monitor.links_changed(node)

    def reason(self, node: Node) -> str:
        """
        Return why a node has the health that it has; empty for a node that nothing happened to.
        """
        return self._monitor.reason(node)

    def probers_say(self, node: Node) -> str:
        """
        Return how many probers reach a node; empty if none says anything.
        """
        return self._monitor.probers_say(node)

    def stop(self) -> None:
        """
        Watch no node any more.
        """
        self._monitor.stop()

    def _make(self) -> HealthMonitor | Unwatched:
        return health_monitor(
            self._service, self._options, self._runtime, self._probes, self._changed
        )

    def _switch(self, nodes: tuple[Node, ...]) -> None:
        """
        Begin to watch, or end it: then each node is healthy as long as it is connected.
        """
        self._monitor.stop()
        for node in nodes:
            node.health, node.silent = NodeHealth.HEALTHY, False
        self._monitor = self._make()
        self._monitor.watch(nodes)
        for node in nodes:
            self._monitor.links_changed(node)
