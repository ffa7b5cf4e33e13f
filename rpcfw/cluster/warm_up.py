"""
Warm-up: a node that has just started gets fewer calls at first, and more step by step.

Theory of operation. The weight of a node grows evenly from a twentieth to what its instance
says. It changes in twenty steps, each of which gives all balancers new pickers; so none of
them has to know of this.

When a node has started is known by the provider's clock, which may be wrong. So its age is
what that clock says, and at least the time for which this client has known the node. A clock
that is ahead makes a node start late and never starves it; one that is behind only ends the
warm-up early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakSet

from twisted.logger import Logger

from rpcfw.cluster.node import Node
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog

__all__ = ["WarmUp"]

_STEPS = 20

_log = Logger()


class WarmUp:
    """
    Sets the weights of nodes.

    Args:
        service: whose nodes these are.
        duration_s: how long it takes; 0 for none.
        plugin_context: has the clock that measures it, and the time of day, with which the
            start of an instance is compared.
        changed: called when weights have changed.
    """

    def __init__(
        self,
        service: str,
        duration_s: float,
        plugin_context: PluginContext,
        changed: Callable[[], None],
    ) -> None:
        self._service = service
        self._duration_s = duration_s
        self._clock = plugin_context.clock
        self._time_of_day = plugin_context.time_of_day
        self._changed = changed
        self._seen: WeakSet[Node] = WeakSet()
        #: When each node is warm, of those that are not.
        self._warm_at: dict[Node, float] = {}
        self._timer: Any = None
        self._log = LimitedLog(_log, plugin_context.clock.seconds)
        name = "rpcfw_client_nodes_warming_up"
        meaning = "nodes whose weight still grows after their start"
        self._count = plugin_context.meter.gauge(name, meaning, "service").of(service)

    def weigh(self, nodes: Iterable[Node]) -> None:
        """
        Set the weights of the nodes that there are now.
        """
        if self._duration_s <= 0:
            return
        present = set(nodes)
        for node in present.difference(self._seen):
            left_s = self._left_s(node)
            self._warm_at[node] = self._clock.seconds() + left_s
            if left_s:
                self._tell("begins", f"{node} of {self._service} warms up for {left_s:.3g} s")
        self._seen = WeakSet(present)
        for node in self._warm_at.keys() - present:
            del self._warm_at[node]
        self._set()

    def stop(self) -> None:
        """
        Change no more weights.
        """
        self._warm_at.clear()
        self._count.value = 0
        self._cancel()

    def _tell(self, kind: str, text: str) -> None:
        self._log.note_of(kind, "{text}", text=text)

    def _left_s(self, node: Node) -> float:
        """
        Return how long a node that is new to this client has to be warmed up.
        """
        started_at = node.instance.started_at
        if started_at <= 0:  # unknown
            return 0.0
        age_s = max(0.0, self._time_of_day() - started_at)
        return max(0.0, self._duration_s - age_s)

    def _set(self) -> None:
        now = self._clock.seconds()
        for node, warm_at in list(self._warm_at.items()):
            cold = (warm_at - now) / self._duration_s
            full = node.instance.weight
            if cold <= 0:
                del self._warm_at[node]
                if node.weight != full:
                    self._tell("ends", f"{node} of {self._service} is warm: its weight is {full}")
                node.weight = full
            elif full:
                node.weight = max(1, int(full * max(1 / _STEPS, 1 - cold)))
        self._cancel()
        self._count.value = len(self._warm_at)
        if self._warm_at:
            self._timer = self._clock.callLater(self._duration_s / _STEPS, self._step)

    def _step(self) -> None:
        self._set()
        self._changed()

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
