"""
How a call ended, as gRPC writes it, and what else may be in its place.

``grpc-status`` and ``grpc-message``; HTTP statuses of those who do not speak
gRPC (http-grpc-status-mapping.md); codes of RST_STREAM (PROTOCOL-HTTP2.md).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from rpcfw.status import Status
from rpcfw_grpc.http2.frames import ErrorCode, code_name

__all__ = [
    "from_http",
    "from_reset",
    "read_message",
    "read_status",
    "reset_text",
    "write_message",
]

_HTTP: Final = {
    400: Status.INTERNAL,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    429: Status.UNAVAILABLE,
    502: Status.UNAVAILABLE,
    503: Status.UNAVAILABLE,
    504: Status.UNAVAILABLE,
}
_RESET: Final = {
    ErrorCode.STREAM_CLOSED: Status.UNKNOWN,
    ErrorCode.REFUSED_STREAM: Status.UNAVAILABLE,
    ErrorCode.CANCEL: Status.CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: Status.PERMISSION_DENIED,
}
#: What PROTOCOL-HTTP2.md has a client add to these.
_RESET_DETAILS: Final = {
    ErrorCode.ENHANCE_YOUR_CALM: ": the exhausted resource is bandwidth",
    ErrorCode.INADEQUATE_SECURITY: ": the connection is not secure enough for this call",
}
# What may not stand as it is: controls, percent itself, and all beyond ASCII.
_ESCAPED = re.compile(rb"[^\x20-\x24\x26-\x7e]")


def from_http(status: int) -> Status:
    """
    Return what an HTTP status means if no ``grpc-status`` came with it.
    """
    return _HTTP.get(status, Status.UNKNOWN)


def from_reset(code: int) -> Status:
    """
    Return what a RST_STREAM with this code means for the caller.
    """
    return _RESET.get(code, Status.INTERNAL)  # type: ignore[call-overload, no-any-return]  # int keys


def reset_text(code: int) -> str:
    """
    Return the message of a call that the server ended by RST_STREAM with this code.
    """
    detail = _RESET_DETAILS.get(code, "")  # type: ignore[call-overload]  # int keys
    return f"the server reset the call: {code_name(code)}{detail}"


def read_status(value: bytes) -> Status:
    """
    Return the status; one that is no number, or no known one, is UNKNOWN.
    """
    if not value.isdigit() or len(value) > 3:
        return Status.UNKNOWN
    return Status.from_wire(int(value))


def read_message(value: bytes) -> str:
    """
    Return a percent-encoded message decoded. Broken escapes are shown as they came.
    """
    return unquote_to_bytes(value).decode("utf-8", "replace")


def write_message(message: str) -> bytes:
    """
    Return ``message`` percent-encoded.
    """
    data = message.encode("utf-8", "replace")
    return _ESCAPED.sub(lambda match: b"%%%02X" % match[0][0], data)
