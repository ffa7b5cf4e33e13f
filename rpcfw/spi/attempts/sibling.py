"""
Copies of one call, for attempts that run side by side.
"""

from __future__ import annotations

from typing import Any

from rpcfw.values.call import Call

__all__ = ["SiblingCall", "Siblings"]


class Siblings:
    """
    What the copies of one call have in common.

    Args:
        once_per_node: no node gets more than one of them.
    """

    __slots__ = ("once_per_node", "tried")

    def __init__(self, *, once_per_node: bool = False) -> None:
        self.once_per_node = once_per_node
        #: The nodes that attempts of any of them went to.
        self.tried: tuple[Any, ...] = ()


class SiblingCall(Call):
    """
    A copy of a call, which is routed and fails by itself.

    The copies share `tried`. So each goes to a node that none of the others went to, also if
    all of them waited for the first list of nodes.

    Args:
        call: is copied.
        siblings: what it shares with the other copies.
    """

    __slots__ = ("_siblings",)

    def __init__(self, call: Call, siblings: Siblings) -> None:
        self._siblings = siblings
        super().__init__(
            call.method,
            call.request,
            call.metadata,
            call.deadline,
            call.caller,
            attempt=call.attempt,
            tried=siblings.tried,
            compression=call.compression,
        )

    @property
    def tried(self) -> tuple[Any, ...]:
        return self._siblings.tried

    @tried.setter
    def tried(self, nodes: tuple[Any, ...]) -> None:
        self._siblings.tried = nodes

    @property
    def once_per_node(self) -> bool:
        return self._siblings.once_per_node
