"""
Where the time of a call went.
"""

from __future__ import annotations

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


class Phases:
    """
    Seconds that a call has spent in each phase so far, at one side.

    The attempts of a call add to the same phases. Attempts at the same time do so too, so then
    the sum may be more than the call took. What is in no phase was spent in filters, in a pause
    between attempts, or by the messages of a stream.

    Without slots: most phases of most calls are 0, and need not be written.

    Attributes:
        began: when the call began, or its request arrived, in seconds of the process's clock.
        at: likewise when the phase that lasts now began.
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
    """

    in_method = False
    in_queue = 0.0
    encoded = False
    logged = False
    sent_bytes = 0
    received_bytes = 0
    number = 0
    route = 0.0
    pick = 0.0
    capacity = 0.0
    connect = 0.0
    wire = 0.0
    queue = 0.0
    decode = 0.0
    method = 0.0
    encode = 0.0

    def __init__(self, began: float = 0.0) -> None:
        self.began = self.at = began

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
        return tuple(
            (name, taken) for key, name in PHASES.items() if (taken := getattr(self, key)) > 0
        )
