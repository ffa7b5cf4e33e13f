"""
How one attempt ended: what balancers, breakers, limiters and health learn from.
"""

from __future__ import annotations

from attrs import define

from rpcfw.status import Hint, Status

__all__ = ["Outcome"]


@define(eq=False)
class Outcome:
    """
    The end of one attempt.

    Args:
        status: what happened.
        took_s: seconds from picking the node to the end.
        hints: whether it was ever sent, begun, and so on.
    """

    status: Status
    took_s: float
    hints: Hint = Hint.NONE
