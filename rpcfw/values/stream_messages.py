"""
The messages of a stream: how many there were, and when the first response came.
"""

from __future__ import annotations

import msgspec

__all__ = ["StreamMessages"]


class StreamMessages(msgspec.Struct, gc=False, eq=False):
    """
    What one side has noted of a stream so far.

    A `msgspec.Struct`, as `rpcfw.values.phases.Phases`, which refers to it.

    Attributes:
        began: when the wait for responses began: at a client when the call was sent, at a server
            when its method had returned the iterator of them. In seconds of the process's clock;
            None: it did not begin, or there is one response, as the method returns it.
        sent: messages that were sent.
        received: messages that were received, whether they were read or not.
        first_at: when the first response was received, or sent; None: there was none.
        ended_at: when the call ended; None: it has not.
    """

    began: float | None = None
    sent: int = 0
    received: int = 0
    first_at: float | None = None
    ended_at: float | None = None

    def items(self) -> tuple[tuple[str, float], ...]:
        """
        Return the phases of a stream that has ended: name and seconds.
        """
        if self.began is None or self.ended_at is None:
            return ()
        first_at = self.ended_at if self.first_at is None else self.first_at
        return ("first message", first_at - self.began), ("messages", self.ended_at - first_at)
