"""
What spans say, by the names of OpenTelemetry's semantic conventions for RPC (1.45).
"""

from __future__ import annotations

from typing import Final

from rpcfw.errors import CallError
from rpcfw.printable import printable
from rpcfw.spi.tracer import Attributes
from rpcfw.status import Status

__all__ = [
    "ATTEMPT_NUMBER",
    "ATTEMPT_REASON",
    "CALLER",
    "ERROR_TYPE",
    "HINTS",
    "METHOD",
    "OK",
    "PEER_ADDRESS",
    "SERVER_ADDRESS",
    "SERVER_PORT",
    "STATUS_CODE",
    "SYSTEM",
    "SYSTEMS",
    "description_of",
    "failure_of",
    "server_failed",
    "system_of",
]

SYSTEM: Final = "rpc.system.name"
METHOD: Final = "rpc.method"
STATUS_CODE: Final = "rpc.response.status_code"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
PEER_ADDRESS: Final = "network.peer.address"

# The conventions have no names for these.
CALLER: Final = "rpcfw.caller"
ATTEMPT_NUMBER: Final = "rpcfw.attempt.number"
ATTEMPT_REASON: Final = "rpcfw.attempt.reason"
HINTS: Final = "rpcfw.hints"

#: What the conventions call a wire protocol; others have their own names.
SYSTEMS: Final = {"grpc": "grpc", "dubbo": "dubbo", "tri": "dubbo", "native": "rpcfw"}

_MAX_DESCRIPTION = 256
#: The conventions for gRPC: others are the caller's fault, and no error of the server.
_SERVER_ERRORS = frozenset(
    (
        Status.UNKNOWN,
        Status.DEADLINE_EXCEEDED,
        Status.UNIMPLEMENTED,
        Status.INTERNAL,
        Status.UNAVAILABLE,
        Status.DATA_LOSS,
    )
)

#: How a call ends that has succeeded.
OK: Final[Attributes] = {STATUS_CODE: Status.OK.name}


def system_of(protocol: str) -> str:
    """
    Return the name that the conventions have for a wire protocol.
    """
    return SYSTEMS.get(protocol, protocol)


def failure_of(status: Status, error: BaseException | None) -> Attributes:
    """
    Return what a span says of a failure.
    """
    found: dict[str, str | int] = {STATUS_CODE: status.name, ERROR_TYPE: status.name}
    if isinstance(error, CallError):
        if error.hints:
            found[HINTS] = str(error.hints)
    elif error is not None and status is Status.UNKNOWN:
        found[ERROR_TYPE] = type(error).__qualname__
    return found


def description_of(error: BaseException | None) -> str:
    """
    Return a failure in a sentence. That of an exception may have private data: only its type.
    """
    if isinstance(error, CallError):
        return printable(error.message[:_MAX_DESCRIPTION])
    return "" if error is None else type(error).__qualname__


def server_failed(status: Status) -> bool:
    """
    Tell whether a status says that the server did not do what it should.
    """
    return status in _SERVER_ERRORS
