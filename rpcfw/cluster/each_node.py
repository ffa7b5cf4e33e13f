"""
Picks each node once, for a call that goes to all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rpcfw.cluster.node import Node
from rpcfw.spi.balancer import Picker
from rpcfw.values.call import Call

__all__ = ["EachNode"]


class EachNode(Picker):
    """
    Takes the place of a balancer's picker.

    With thousands of nodes, that one would take too long to find those that were not tried.

    Args:
        picker: learns how the attempts end.
        nodes: of any rank: an attempt says what is wrong with its node.
    """

    def __init__(self, picker: Picker, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._left: Iterator[Node] | None = None
        self.learns = picker.learns
        self.began = picker.began  # type: ignore[method-assign]  # the other picker's
        self.record = picker.record  # type: ignore[method-assign]  # likewise

    def pick(self, call: Call) -> Node | None:
        if self._left is None:
            tried = set(call.tried)
            self._left = iter([node for node in self._nodes if node not in tried])
        return next(self._left, None)
