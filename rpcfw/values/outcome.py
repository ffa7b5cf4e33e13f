"""
How one attempt ended: what balancers, breakers, limiters and health learn from.
"""

from __future__ import annotations

from attrs import define

from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["Outcome"]

_NODE_FAILURES = frozenset(
    {
        Status.UNKNOWN,
        Status.DEADLINE_EXCEEDED,
        Status.RESOURCE_EXHAUSTED,
        Status.INTERNAL,
        Status.UNAVAILABLE,
        Status.DATA_LOSS,
    }
)


@define(eq=False)
class Outcome:
    """
    The end of one attempt.

    Args:
        status: what happened.
        took_s: seconds from picking the node to the end.
        hints: whether the attempt was sent, begun, and so on.
        trailers: what the server sent after its response.
    """

    status: Status
    took_s: float
    hints: Hint = Hint.NONE
    trailers: Metadata = EMPTY

    @property
    def node_failed(self) -> bool:
        """
        Whether the node has failed.

        An error that a method returns to its caller does not count, nor does one that says
        `Hint.FINAL`: the call is the reason, and fails on each node.
        """
        return self.status in _NODE_FAILURES and not self.hints & Hint.FINAL
