"""
Flow control: how much may be on its way, in each direction.

Theory of operation. A sender holds an allowance, for each stream and for the
connection; DATA takes from it and the receiver's WINDOW_UPDATE adds to it.

What we receive. A stream's allowance is given back when the application has
taken a message, so that a slow reader slows its sender. The connection's is given
back at once, so that one slow reader does not stop the others; only while too
much lies unread in all streams together is it held back. Allowance goes back in
lumps of half a window, so that small messages cost no frame each.

A message larger than half the window could never arrive whole if its bytes had
to be taken first. So its bytes are given back as they come (its size was checked
when it was announced), and `Inbound.advance` remembers how many: they are not
given back twice.
"""

from __future__ import annotations

from rpcfw.errors import RemoteProtocolError
from rpcfw_grpc.http2.frames import ErrorCode

__all__ = ["MOST_WINDOW_BYTES", "Inbound", "grown"]

MOST_WINDOW_BYTES = 2**31 - 1


def grown(left: int, increment: int) -> int:
    """
    Return a send allowance after it grew (or shrank, by a changed setting).
    """
    left += increment
    if left > MOST_WINDOW_BYTES:
        raise RemoteProtocolError(
            f"a window may hold {MOST_WINDOW_BYTES} bytes; it was raised to {left}",
            ErrorCode.FLOW_CONTROL_ERROR,
        )
    return left


class Inbound:
    """
    One receive window.

    Args:
        size: what the peer may send before it is given more.
    """

    __slots__ = ("advance", "left", "owed", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.left = size
        self.owed = 0
        self.advance = 0

    def take(self, count: int) -> bool:
        """
        Count bytes that came. Returns False if they are more than was allowed.
        """
        self.left -= count
        return self.left >= 0

    def free(self, count: int) -> int:
        """
        Count bytes that may come again.

        Returns:
            The increment that is due to the peer now, 0 for none yet.
        """
        self.owed += count
        # A window of a byte or two still moves: half of one is nothing.
        if self.owed * 2 < self.size or not self.owed:
            return 0
        increment, self.owed = self.owed, 0
        self.left += increment
        return increment

    def free_early(self, partial: int, whole: int) -> int:
        """
        Give back what has come of an unfinished message that is too large to wait for.

        Args:
            partial: bytes of the message that are here.
            whole: bytes that it will have.
        """
        if whole * 2 < self.size:
            return 0
        early = partial - self.advance
        self.advance = partial
        return self.free(early)

    def cost(self, size: int) -> int:
        """
        Return what is still to be given back for a message that is now whole.
        """
        cost, self.advance = size - self.advance, 0
        return cost
