"""
Flow control, queue and half-closes of one streaming call (``docs/wire.md`` section 5).
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

from rpcfw.errors import LocalProtocolError, RemoteProtocolError
from rpcfw.wire.hello import MAX_CREDIT

__all__ = ["MESSAGE_COST", "StreamState"]

#: The cost of a message in addition to its length, so that empty messages are not free.
MESSAGE_COST = 16


@define(eq=False)
class StreamState:
    """
    The state of both directions of a call.

    Args:
        send_credit: this side's window; below zero after a large message.
        receive_credit: the peer's window.
        window: the peer's initial window.
        queue: frames that wait for a window, with their costs; the end has cost 0.
        unreported: bytes that the application took, and that CREDIT has not returned yet.
        full: `send` returned that this side must wait, and `StreamWritable` was not reported yet.
        local_ended: this side has ended its direction.
        peer_ended: the peer has.
        over: this side has finished or the peer has; only the queue is left.
        granted_credit: what the peer's last grant made of its credit; None before it.
        unread: the memory of messages that came and were not taken.
        response_started: the peer's RESPONSE came, which is not the end of the stream.
    """

    send_credit: int
    receive_credit: int
    window: int
    queue: deque[tuple[bytes, int]] = field(factory=deque)
    unreported: int = 0
    full: bool = False
    local_ended: bool = False
    peer_ended: bool = False
    over: bool = False
    granted_credit: int | None = None
    unread: int = 0
    response_started: bool = False

    def queue_frame(self, frame: bytes, cost: int, out: list[bytes]) -> bool:
        """
        Send a frame, or queue it until the window is open; return whether it is open now.
        """
        if self.local_ended:
            raise LocalProtocolError("a message after the end of this side")
        if self.queue or self.send_credit <= 0:
            self.queue.append((frame, cost))
        else:
            self.send_credit -= cost
            out.append(frame)
        self.full = self.send_credit <= 0
        return not self.full

    def queue_end(self, frame: bytes, out: list[bytes]) -> None:
        """
        Send the end of this side, after all that is queued.
        """
        if self.local_ended:
            raise LocalProtocolError("a second end of this side")
        if self.queue:
            self.queue.append((frame, 0))
        else:
            out.append(frame)
        self.local_ended = True

    def granted(self, amount: int, out: list[bytes]) -> bool:
        """
        Extend this side's window; return whether a sender that had to wait may send again.

        Raises:
            RemoteProtocolError: the window would be larger than the largest.
        """
        if not 0 < amount <= MAX_CREDIT - max(self.send_credit, 0):
            raise RemoteProtocolError(f"a credit of {amount} bytes on top of {self.send_credit}")
        self.send_credit += amount
        queue = self.queue
        while queue and (self.send_credit > 0 or not queue[0][1]):
            frame, cost = queue.popleft()
            self.send_credit -= cost
            out.append(frame)
        if self.full and self.send_credit > 0:
            self.full = False
            return True
        return False

    def received(self, cost: int) -> None:
        """
        Charge the peer's window for a message that arrived.

        Raises:
            RemoteProtocolError: the window was exhausted, or the peer had ended its side.
        """
        if self.peer_ended:
            raise RemoteProtocolError("a message after the end of the peer's side")
        if self.receive_credit <= 0:
            raise RemoteProtocolError("a message without credit")
        self.receive_credit -= cost

    def consumed(self, cost: int) -> int:
        """
        Note what the application took; return the CREDIT to send now, or 0.
        """
        self.unreported += cost
        if self.over or self.peer_ended or self.unreported * 2 < self.window:
            return 0
        amount, self.unreported = self.unreported, 0
        self.receive_credit += amount
        return amount
