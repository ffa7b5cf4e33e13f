"""
The routes that were found, by the keys of the calls that they are for.

Theory of operation. A key may come from the caller, such as a product id, so the number
of keys has a bound. When the memo is full, the oldest route makes way. But one that was
used since it was last the oldest becomes the newest instead (the CLOCK algorithm). So a
thousand keys that come once each do not evict the few that come all the time.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

__all__ = ["MAX_ROUTES", "RouteMemo"]

#: Each has a picker, which may hold all nodes of the service.
MAX_ROUTES = 1024


class _Used(Protocol):
    used: bool


R = TypeVar("R", bound=_Used)


class RouteMemo(dict[Hashable, R], Generic[R]):
    """
    A dict, so that looking up a route costs a call no more than that.

    The code that takes a route from it sets ``used``.
    """

    def add(self, key: Hashable, route: R) -> None:
        """
        Remember a route; forget another one if there are too many.
        """
        while len(self) >= MAX_ROUTES:
            oldest = next(iter(self))
            old = self.pop(oldest)
            if old.used:
                old.used = False
                self[oldest] = old
        self[key] = route
