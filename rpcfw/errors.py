"""
Every error that this framework raises.

Two axes are kept apart: the *status* says what happened, the *hints* say what
may be done about it. A class exists only where a caller would catch it alone.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.printable import printable
from rpcfw.status import Hint, Status

__all__ = [
    "ApplicationError",
    "BreakerOpen",
    "CallError",
    "Cancelled",
    "ConnectionLost",
    "ContractError",
    "DeadlineExceeded",
    "InvalidMessage",
    "LocalProtocolError",
    "MessageTooLarge",
    "NoInstances",
    "NoNodeLeft",
    "Overloaded",
    "PassedOver",
    "PermissionDenied",
    "PluginError",
    "ProtocolError",
    "RPCFWError",
    "RegistryError",
    "Rejected",
    "RemoteProtocolError",
    "SettingsError",
    "SetupError",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
]


class RPCFWError(Exception):
    """
    The parent of every error of this framework.
    """


# Before any call: somebody has to correct the program or its configuration.


class SetupError(RPCFWError):
    """
    The process cannot start with this configuration. The message names the place.
    """


class SettingsError(SetupError):
    """
    The configuration is wrong.

    Args:
        mistakes: every mistake found, one line each, in the order of the files.
    """

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class PluginError(SetupError):
    """
    A plugin is unknown, declared twice, broken, or lacks its extra.
    """


class ContractError(SetupError):
    """
    A class of the user's does not fit the seam it was made for.
    """


# On a connection: bytes that break the rules.


class ProtocolError(RPCFWError):
    """
    The rules of a wire were broken. Never raised itself.

    Args:
        reason: what was expected and what came, without any payload.
        code: the wire's own number for the fault.
    """

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class LocalProtocolError(ProtocolError):
    """
    We broke the rules: a bug on this side.
    """


class RemoteProtocolError(ProtocolError):
    """
    The peer broke the rules: the connection is closed with the reason.
    """


class RegistryError(RPCFWError):
    """
    The registry did not do what it was asked to, for now or for good.
    """

    def __str__(self) -> str:
        # Partly text of the registry.
        return printable(super().__str__())


# In a call.


class CallError(RPCFWError):
    """
    A call failed. Catch this for every failure of a call.

    Args:
        message: one sentence for a person; never a secret or a payload.
        hints: what may be done about it.
        details: an opaque record for programs (for gRPC: google.rpc.Status).
        trailers: pairs that the peer sent behind its answer.
        status: only for the classes that stand for several statuses.
    """

    default_status: ClassVar[Status] = Status.UNKNOWN
    default_hints: ClassVar[Hint] = Hint.NONE
    remote: bool = False  # it came over a wire: details and trailers are the peer's
    #: Pairs that the peer sent before it failed.
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    trace_id: str = ""  # of its call; empty if that is not recorded

    def __init__(
        self,
        message: str = "",
        *,
        status: Status | None = None,
        hints: Hint | None = None,
        details: bytes = b"",
        trailers: tuple[tuple[str, str | bytes], ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.default_status if status is None else status
        self.hints = self.default_hints if hints is None else hints
        self.details = details
        self.trailers = trailers
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        # For people, and partly text of a peer; `message` is as it came.
        trace = f" (trace {self.trace_id})" if self.trace_id else ""
        return f"{self.status.name}: {printable(self.message)}{trace}"


class Cancelled(CallError):
    """
    The caller gave the call up.
    """

    default_status = Status.CANCELLED


class DeadlineExceeded(CallError):
    """
    The time that the call had is over.
    """

    default_status = Status.DEADLINE_EXCEEDED


class Unavailable(CallError):
    """
    No server could be reached, or its connection was lost.
    """

    default_status = Status.UNAVAILABLE


class NoInstances(Unavailable):
    """
    No live instance of the service is known, or the routers left none.
    """

    default_hints = Hint.NEVER_SENT


class PassedOver(Unavailable):
    """
    The node is not connected yet, and others are: the call is made there instead.
    """

    default_hints = Hint.NEVER_SENT


class NoNodeLeft(NoInstances):
    """
    An attempt needs a node that no other attempt of its call went to, and there is none.
    """


class BreakerOpen(Unavailable):
    """
    The circuit breaker of the node is open, so nothing was sent.
    """

    default_hints = Hint.NEVER_SENT


class ConnectionLost(Unavailable):
    """
    The connection ended while the call was on it.
    """

    #: The loss of the same connection was reported to another call, so it is no further event.
    further: bool = False


class Rejected(CallError):
    """
    The work was refused before it was begun.
    """

    default_status = Status.UNAVAILABLE
    default_hints = Hint.NOT_BEGUN


class Overloaded(Rejected):
    """
    A limit of the server or of this client was reached.
    """

    default_status = Status.RESOURCE_EXHAUSTED


class Unimplemented(CallError):
    """
    The peer has no such service or method.
    """

    default_status = Status.UNIMPLEMENTED


class InvalidMessage(CallError):
    """
    A message could not be written or read as its type.
    """

    default_status = Status.INTERNAL


class MessageTooLarge(CallError):
    """
    A message is over a size limit. Names the option, the limit and the size.
    """

    default_status = Status.RESOURCE_EXHAUSTED


class Unauthenticated(CallError):
    """
    The caller did not prove who it is.
    """

    default_status = Status.UNAUTHENTICATED


class PermissionDenied(CallError):
    """
    The caller is known and may not do this.
    """

    default_status = Status.PERMISSION_DENIED


class ApplicationError(CallError):
    """
    What the author of a service raises, with a status and details of their choice.
    """

    def __init__(
        self,
        status: Status,
        message: str = "",
        *,
        hints: Hint | None = None,
        details: bytes = b"",
        trailers: tuple[tuple[str, str | bytes], ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(
            message,
            status=status,
            hints=hints,
            details=details,
            trailers=trailers,
            retry_after_s=retry_after_s,
        )


_BY_STATUS: dict[Status, type[CallError]] = {
    Status.CANCELLED: Cancelled,
    Status.DEADLINE_EXCEEDED: DeadlineExceeded,
    Status.UNAVAILABLE: Unavailable,
    Status.UNIMPLEMENTED: Unimplemented,
    Status.UNAUTHENTICATED: Unauthenticated,
    Status.PERMISSION_DENIED: PermissionDenied,
}


def error_from_status(
    status: Status,
    message: str,
    *,
    hints: Hint = Hint.NONE,
    details: bytes = b"",
    trailers: tuple[tuple[str, str | bytes], ...] = (),
    retry_after_s: float | None = None,
) -> CallError:
    """
    Return the error that a caller catches for a status that came over a wire.
    """
    cls = _BY_STATUS.get(status, CallError)
    if hints & Hint.NOT_BEGUN and status in (Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED):
        cls = Overloaded if status is Status.RESOURCE_EXHAUSTED else Rejected
    error = cls(
        message,
        status=status,
        hints=hints,
        details=details,
        trailers=trailers,
        retry_after_s=retry_after_s,
    )
    error.remote = True
    return error
