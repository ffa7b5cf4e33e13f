"""
The error of a call that its server gave up at its deadline.
"""

from __future__ import annotations

from rpcfw.errors import CallError, DeadlineExceeded
from rpcfw.status import Status
from rpcfw.values.call import Call

__all__ = ["deadline_error"]


def deadline_error(error: CallError, call: Call, now: float) -> CallError:
    """
    Return the error that a caller sees for a status that the server sent.

    A server watches the deadline as well and may be slightly faster, but RST_STREAM has
    no error code for it but CANCEL.
    """
    if error.status is not Status.CANCELLED or now < call.deadline:
        return error
    # "The client must fully generate the failure locally, without using any part of
    # Trailers" (PROTOCOL-HTTP2.md, "Client Cancellation").
    late = DeadlineExceeded(f"the server gave {call.method.path} up at its deadline")
    late.metadata = error.metadata
    return late
