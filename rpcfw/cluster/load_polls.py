"""
Asks nodes for load reports, at intervals, for balancers that need them.

Each interval is cut into slices, and each slice asks some of the nodes. So a client of
thousands of nodes does not ask them all in one turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, islice
from typing import Any

from rpcfw.cluster.node import Node
from rpcfw.spi.runtime.clock import Clock

__all__ = ["LoadPolls"]

_SLICES = 10


class LoadPolls:
    """
    Asks those nodes that are connected. What they answer is `Node.load`.

    Args:
        clock: time.
        nodes: all that there are, each time when it is iterated.
    """

    def __init__(self, clock: Clock, nodes: Iterable[Node]) -> None:
        self._clock = clock
        self._nodes = nodes
        self._interval_s = 0.0
        self._slices = count()
        self._timer: Any = None

    def use(self, interval_s: float) -> None:
        """
        Ask each node so often from now on; 0 for never.
        """
        if interval_s != self._interval_s:
            self._interval_s = interval_s
            self._cancel()
            self._wait()

    def stop(self) -> None:
        """
        Ask no more.
        """
        self.use(0.0)

    def _wait(self) -> None:
        if self._interval_s:
            self._timer = self._clock.callLater(self._interval_s / _SLICES, self._ask)

    def _ask(self) -> None:
        self._wait()
        for node in islice(self._nodes, next(self._slices) % _SLICES, None, _SLICES):
            driver = next(iter(node.links.drivers), None)
            if driver is not None:
                driver.ask_load()

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
