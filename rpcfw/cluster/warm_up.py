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

from rpcfw.cluster.node import Node
from rpcfw.spi.plugin import PluginContext

__all__ = ["WarmUp"]

_STEPS = 20


class WarmUp:
    """
    Sets the weights of nodes.

    Args:
        duration_s: how long it takes; 0 for none.
        plugin_context: has the clock that measures it, and the time of day, with which the
            start of an instance is compared.
        changed: called when weights have changed.
    """

    def __init__(
        self, duration_s: float, plugin_context: PluginContext, changed: Callable[[], None]
    ) -> None:
        self._duration_s = duration_s
        self._clock = plugin_context.clock
        self._time_of_day = plugin_context.time_of_day
        self._changed = changed
        self._seen: WeakSet[Node] = WeakSet()
        #: When each node is warm, of those that are not.
        self._warm_at: dict[Node, float] = {}
        self._timer: Any = None

    def weigh(self, nodes: Iterable[Node]) -> None:
        """
        Set the weights of the nodes that there are now.
        """
        if self._duration_s <= 0:
            return
        present = set(nodes)
        for node in present.difference(self._seen):
            self._warm_at[node] = self._clock.seconds() + self._left_s(node)
        self._seen = WeakSet(present)
        for node in self._warm_at.keys() - present:
            del self._warm_at[node]
        self._set()

    def stop(self) -> None:
        """
        Change no more weights.
        """
        self._warm_at.clear()
        self._cancel()

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
                node.weight = full
            elif full:
                node.weight = max(1, int(full * max(1 / _STEPS, 1 - cold)))
        self._cancel()
        if self._warm_at:
            self._timer = self._clock.callLater(self._duration_s / _STEPS, self._step)

    def _step(self) -> None:
        self._set()
        self._changed()

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
