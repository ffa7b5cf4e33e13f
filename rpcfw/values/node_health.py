"""
How healthy a node is, as a client sees it.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["NodeHealth"]


class NodeHealth(IntEnum):
    """
    The three states, the best first.
    """

    #: It takes its share of calls.
    HEALTHY = 0
    #: It is connected, and something is wrong with it: it takes calls if too few are healthy.
    SUB_HEALTHY = 1
    #: It cannot be connected to, or does not answer: it takes no calls until it is connected.
    DEAD = 2

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")

    def __format__(self, spec: str) -> str:
        return format(str(self) if not spec or spec[-1] == "s" else int(self), spec)
