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
        to_all: in addition, each node gets one, whatever the balancer would pick.
    """

    __slots__ = ("_each", "_shared", "once_per_node", "to_all", "tried")

    def __init__(self, *, once_per_node: bool = False, to_all: bool = False) -> None:
        self.once_per_node = once_per_node or to_all
        self.to_all = to_all
        #: The nodes that attempts of any of them went to.
        self.tried: tuple[Any, ...] = ()
        #: The route that all calls with the same key have, and that of these copies.
        self._shared: Any = None
        self._each: Any = None

    def own(self, route: Any) -> Any:
        """
        Return the route that the copies have instead of the one that they were given.
        """
        if not self.to_all or route is None:
            return route
        if route is not self._shared:
            self._shared, self._each = route, route.to_each()
        return self._each


class SiblingCall(Call):
    """
    A copy of a call, which is routed and fails by itself.

    The copies share `tried`. So each goes to a node that none of the others went to, also if
    all of them waited for the first list of nodes. `of` makes one.
    """

    __slots__ = ("_own", "_route")

    @classmethod
    def of(cls, call: Call, siblings: Siblings) -> SiblingCall:
        """
        Return a copy of a call.

        Args:
            siblings: what it shares with the other copies.
        """
        copy = cls.__new__(cls)
        # Before the rest, which is kept there in part.
        object.__setattr__(copy, "_own", siblings)
        copy.__init__(  # type: ignore[misc]  # what comes after `__new__`
            call.method,
            call.request,
            call.metadata,
            call.deadline,
            call.caller,
            attempt=call.attempt,
            tried=siblings.tried,
            compression=call.compression,
            phases=call.phases,
            trace=call.trace,
        )
        return copy

    @property
    def siblings(self) -> Siblings:
        """
        What it shares; with no others, if a filter has copied it by itself.
        """
        own: Siblings | None = getattr(self, "_own", None)
        if own is None:
            own = self._own = Siblings()
        return own

    @property
    def tried(self) -> tuple[Any, ...]:
        return self.siblings.tried

    @tried.setter
    def tried(self, nodes: tuple[Any, ...]) -> None:
        self.siblings.tried = nodes

    @property
    def route(self) -> Any:
        return self._route

    @route.setter
    def route(self, route: Any) -> None:
        self._route = self.siblings.own(route)

    @property
    def once_per_node(self) -> bool:
        return self.siblings.once_per_node
