"""
What the access log gets of a call that has ended.

A plain tuple, since one is made for each call that fails: the constants of this file are the
places in it. Nothing in it refers to the call, to a message or to metadata.
"""

from __future__ import annotations

from typing import Any, Final

from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.phases import Phases

__all__ = [
    "ATTEMPTS",
    "CALLER",
    "ENDED_AT",
    "HINTS",
    "IDENTITY",
    "LIMIT_S",
    "MESSAGE",
    "METHOD",
    "PEER",
    "PHASES",
    "SIDE",
    "SLOW",
    "STATUS",
    "TOOK_S",
    "TRACE",
    "LoggedCall",
    "logged_call",
]

LoggedCall = tuple[Any, ...]

#: A peer names itself, and many calls may wait to be written. A line shows less of a name.
_MAX_NAME = 1024

#: In seconds of the process's clock.
ENDED_AT: Final = 0
SIDE: Final = 1
METHOD: Final = 2
STATUS: Final = 3
TOOK_S: Final = 4
LIMIT_S: Final = 5
SLOW: Final = 6
PEER: Final = 7
CALLER: Final = 8
#: The names that the caller has proved.
IDENTITY: Final = 9
ATTEMPTS: Final = 10
MESSAGE: Final = 11
HINTS: Final = 12
#: None if the call is in no trace.
TRACE: Final = 13
PHASES: Final = 14


def logged_call(
    call: Call,
    side: str,
    times: tuple[float, float],
    status: Status,
    phases: Phases,
    *,
    slow: bool = False,
    message: str = "",
    hints: Hint = Hint.NONE,
) -> LoggedCall:
    """
    Return what the access log gets of a call.

    Args:
        times: when it began and ended.
    """
    began, ended_at = times
    return (
        ended_at,
        side,
        call.method,
        status,
        ended_at - began,
        call.deadline - began,
        slow,
        call.peer,
        call.caller[:_MAX_NAME],
        call.identity.names,
        call.attempt,
        message,
        hints,
        call.trace,
        phases,
    )
