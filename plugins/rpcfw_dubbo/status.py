"""
How a call ended, in Dubbo's terms and in ours.

A consumer in Java takes each status of a reply but OK, the time-outs and the serialization error
for a fault of the network, and its failover calls another provider. So such a status is only
sent for what has not begun. A call that has begun and failed ends with an exception in a reply
with status OK: consumers do not repeat it.
"""

from __future__ import annotations

from typing import Final

from rpcfw.status import Hint, Status
from rpcfw_dubbo.frames import ReplyStatus

__all__ = [
    "RPC_EXCEPTION",
    "RUNTIME_EXCEPTION",
    "exception_of",
    "reply_status_of",
    "status_of_exception",
    "status_of_reply",
]

RPC_EXCEPTION: Final = "org.apache.dubbo.rpc.RpcException"
RUNTIME_EXCEPTION: Final = "java.lang.RuntimeException"

#: Statuses of calls that have not begun.
_NOT_BEGUN: Final = {
    Status.INVALID_ARGUMENT: ReplyStatus.BAD_REQUEST,
    Status.RESOURCE_EXHAUSTED: ReplyStatus.THREAD_POOL_EXHAUSTED,
    Status.UNIMPLEMENTED: ReplyStatus.SERVICE_NOT_FOUND,
    Status.UNAVAILABLE: ReplyStatus.SERVER_ERROR,
}
#: What a reply's status promises. Status 70 is in the place of exceptions of filters, too, which
#: may run after the method; so it promises nothing.
_REPLIES: Final = {
    ReplyStatus.SERIALIZATION_ERROR: (Status.INTERNAL, Hint.NONE),
    ReplyStatus.CLIENT_TIMEOUT: (Status.DEADLINE_EXCEEDED, Hint.NONE),
    ReplyStatus.SERVER_TIMEOUT: (Status.DEADLINE_EXCEEDED, Hint.NONE),
    ReplyStatus.CHANNEL_INACTIVE: (Status.UNAVAILABLE, Hint.NONE),
    ReplyStatus.BAD_REQUEST: (Status.INVALID_ARGUMENT, Hint.NOT_BEGUN),
    ReplyStatus.BAD_RESPONSE: (Status.INTERNAL, Hint.NONE),
    ReplyStatus.SERVICE_NOT_FOUND: (Status.UNIMPLEMENTED, Hint.NOT_BEGUN),
    ReplyStatus.SERVICE_ERROR: (Status.UNAVAILABLE, Hint.NONE),
    ReplyStatus.SERVER_ERROR: (Status.UNAVAILABLE, Hint.NONE),
    ReplyStatus.CLIENT_ERROR: (Status.INTERNAL, Hint.NONE),
    ReplyStatus.THREAD_POOL_EXHAUSTED: (Status.RESOURCE_EXHAUSTED, Hint.NOT_BEGUN),
}
#: The codes of RpcException that say more than UNKNOWN.
_CODES: Final = {
    1: Status.UNAVAILABLE,
    2: Status.DEADLINE_EXCEEDED,
    4: Status.PERMISSION_DENIED,
    5: Status.INTERNAL,
    6: Status.UNAVAILABLE,
    7: Status.RESOURCE_EXHAUSTED,
    8: Status.DEADLINE_EXCEEDED,
    11: Status.UNIMPLEMENTED,
    12: Status.INVALID_ARGUMENT,
    13: Status.UNAUTHENTICATED,
}
#: The Java exceptions of statuses that have one; the code is that of an RpcException.
_EXCEPTIONS: Final = {
    Status.INVALID_ARGUMENT: ("java.lang.IllegalArgumentException", None),
    Status.PERMISSION_DENIED: (RPC_EXCEPTION, 4),
    Status.UNAUTHENTICATED: (RPC_EXCEPTION, 13),
}


def reply_status_of(status: Status, hints: Hint) -> int:
    """
    Return the status of the reply that a failed call gets; OK for an exception.
    """
    if status is Status.DEADLINE_EXCEEDED:
        return ReplyStatus.SERVER_TIMEOUT
    if hints & Hint.NOT_BEGUN:
        return _NOT_BEGUN.get(status, ReplyStatus.SERVICE_ERROR)
    return ReplyStatus.OK


def exception_of(status: Status) -> tuple[str, int | None]:
    """
    Return the Java class in which a status travels, and the code if it has one.
    """
    return _EXCEPTIONS.get(status, (RUNTIME_EXCEPTION, None))


def status_of_reply(reply_status: int) -> tuple[Status, Hint]:
    """
    Return what a reply's status means.
    """
    return _REPLIES.get(reply_status, (Status.UNKNOWN, Hint.NONE))


def status_of_exception(java_class: str, code: object) -> Status:
    """
    Return the status of an exception in a reply. A method's own exceptions are UNKNOWN.
    """
    if java_class == RPC_EXCEPTION and isinstance(code, int):
        return _CODES.get(code, Status.UNKNOWN)
    return Status.UNKNOWN
