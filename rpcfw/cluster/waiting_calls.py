"""
Calls that wait for a node to be connected, while others are connected already.

The first calls of a client go to nodes that it is not connected to. If a host does not answer
at all, connecting to it may take longer than the time limit of a call. So a moment after a
connection has changed, the calls that still wait move to nodes that are connected.
"""

from __future__ import annotations

from collections.abc import Iterable

from rpcfw.cluster.node import Node, Rank
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.transport.pool.link import LinkState

__all__ = ["WaitingCalls"]

#: Longer than it takes to connect to most hosts, and short beside the time limits of calls.
_MOMENT_S = 0.25


class WaitingCalls:
    """
    Of one service.

    Args:
        clock: time.
        nodes: those that there are, each time.
    """

    def __init__(self, clock: Clock, nodes: Iterable[Node]) -> None:
        self._clock = clock
        self._nodes = nodes
        self._timer: DelayedCall | None = None

    def links_changed(self) -> None:
        """
        See in a moment whether calls have to move.
        """
        if self._timer is None:
            self._timer = self._clock.callLater(_MOMENT_S, self._move)

    def stop(self) -> None:
        """
        Move no calls any more.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _move(self) -> None:
        self._timer = None
        nodes = list(self._nodes)
        connecting = [node for node in nodes if node.links.state is LinkState.CONNECTING]
        if not connecting:
            return
        # More calls may come to wait until the attempts to connect have ended.
        self.links_changed()
        if any(node.rank is Rank.READY for node in nodes):
            for node in connecting:
                node.links.pass_over()
