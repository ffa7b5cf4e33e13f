"""
Where the time of a call went.
"""

from __future__ import annotations

import msgspec

from rpcfw.values.stream_messages import StreamMessages

__all__ = ["PHASES", "Phases"]

#: In the order of a call, each with the name that people read.
PHASES = {
    "route": "route",
    "pick": "pick",
    "capacity": "wait for capacity",
    "connect": "connect",
    "wire": "on the wire",
    "queue": "queue",
    "decode": "decode",
    "method": "method",
    "encode": "encode",
}


class Phases(msgspec.Struct, gc=False, eq=False):
    """
    Seconds that a call has spent in each phase so far, at one side.

    The attempts of a call add to the same phases. Attempts at the same time do so too, so then
    the sum may be more than the call took. What is in no phase was spent in filters, or in a
    pause between attempts.

    A `msgspec.Struct`, since one is made for each call that is logged: nothing in it refers to
    anything that refers back, so the garbage collector need not know it.

    Attributes:
        began: when the call began, or its request arrived, in seconds of the process's clock.
        at: at a server, when the phase that lasts now began.
        in_method: a server has begun to run the method.
        in_queue: how much of the time since then was the wait for a thread.
        encoded: a server has encoded the response.
        logged: the access log has the call.
        sent_bytes: length of the last message that was sent, as it was sent.
        received_bytes: likewise, of the last one that was received.
        number: of the call in the access log and among the recent calls; 0 for none yet.
        route: the first list of instances, and the routers.
        pick: the balancer.
        capacity: the wait for a connection that takes one more call.
        connect: the wait for a connection.
        wire: from the request to the response, with all that the server did.
        queue: from the arrival of the request to its filters, and the wait for a thread.
        decode: bytes to message.
        method: the method.
        encode: message to bytes.
        messages: those of a stream, with its further phases; of its last attempt. None for a call
            with one message each way.
    """

    began: float = 0.0
    at: float = 0.0
    in_method: bool = False
    in_queue: float = 0.0
    encoded: bool = False
    logged: bool = False
    sent_bytes: int = 0
    received_bytes: int = 0
    number: int = 0
    route: float = 0.0
    pick: float = 0.0
    capacity: float = 0.0
    connect: float = 0.0
    wire: float = 0.0
    queue: float = 0.0
    decode: float = 0.0
    method: float = 0.0
    encode: float = 0.0
    messages: StreamMessages | None = None

    def decoded(self, now: float, size: int) -> None:
        """
        Note that a server has decoded a request, and runs the method next.
        """
        self.decode += now - self.at
        self.received_bytes = size
        self.at = now
        self.in_method = True

    def items(self) -> tuple[tuple[str, float], ...]:
        """
        Return the phases that took any time: name and seconds.
        """
        phases = [(name, getattr(self, key)) for key, name in PHASES.items()]
        if self.messages is not None:
            phases += self.messages.items()
        return tuple(each for each in phases if each[1] > 0)

    def end(self, now: float) -> None:
        """
        Note that the call has ended; the first time counts.
        """
        if self.messages is not None and self.messages.ended_at is None:
            self.messages.ended_at = now
