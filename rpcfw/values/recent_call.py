"""
A call that failed or was slow, as it is shown later.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw.status import Hint, Status

__all__ = ["RecentCall"]


@frozen
class RecentCall:
    """
    One call that has ended. There is no body and no metadata in it.

    Texts are as peers and callers gave them, cut to a bounded length: to be escaped where
    they are shown.

    Args:
        number: counted from 1 in this process; an entry of the access log has the same.
        ended_at: seconds since 1970.
        side: ``client`` or ``server``.
        service: its name.
        method: its name.
        peer: address of the other end, of the last attempt; empty if there was none.
        caller: name of the calling application; empty for unknown, and in a client.
        status: how it ended.
        slow: it took as long as a slow call does.
        message: of the error; empty if it succeeded.
        hints: what may be done after the error.
        attempts: how many were begun; 0 in a server.
        took_s: from its begin to its end.
        limit_s: the time that it had; infinite for no limit.
        phases: where the time went, as far as that is known: names and seconds.
        trace_id: of the trace that it belongs to; empty if there is none.
    """

    number: int
    ended_at: float
    side: str
    service: str
    method: str
    peer: str
    caller: str
    status: Status
    slow: bool
    message: str
    hints: Hint
    attempts: int
    took_s: float
    limit_s: float
    phases: tuple[tuple[str, float], ...]
    trace_id: str
