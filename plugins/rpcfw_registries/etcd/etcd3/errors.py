"""
Errors of the package etcd3 as our errors.
"""

from __future__ import annotations

from rpcfw.errors import CallError, Unavailable, error_from_status
from rpcfw.status import Status

__all__ = ["translated"]


def translated(error: BaseException) -> CallError:
    """
    Return the error that our own gRPC would give.

    Of a request that failed it is never known whether it was sent.

    Args:
        error: gRPC's. It is not imported for this: an error of a call says itself
            which status it is.
    """
    try:
        number, _ = error.code().value  # type: ignore[attr-defined]  # what is not one has none
        return error_from_status(Status(number), str(error.details() or ""))  # type: ignore[attr-defined]  # likewise
    except (AttributeError, ValueError):
        return Unavailable(f"{type(error).__name__}: {error}")
