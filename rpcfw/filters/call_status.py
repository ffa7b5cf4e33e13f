"""
How calls end whose step has raised an error.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.values.call import Call

__all__ = ["status_of"]


def status_of(call: Call, error: BaseException, now: float) -> Status:
    """
    Return the status that a call has ended with.

    Args:
        error: what the rest of the stack has raised.
        now: in seconds of the process's clock.
    """
    if isinstance(error, CallError):
        return error.status
    if isinstance(error, CANCELLED):
        # A server's call is cancelled at its deadline too; its peer gets that status.
        return call.status_if_cancelled(now)
    return Status.UNKNOWN
