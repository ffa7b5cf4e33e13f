"""
Exceptions of providers, for the authors of clients.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw_hessian import HessianError, Schema

__all__ = ["java_exception"]


def java_exception(error: CallError, *classes: type[BaseException]) -> BaseException | None:
    """
    Return the exception that a method threw at the provider; None if there is none.

    Args:
        error: how the call ended.
        classes: Python exceptions with a Java class. Others are a
            `rpcfw_hessian.JavaException`, with class, text, stack trace and cause.
    """
    if not error.details:
        return None
    try:
        found = Schema(classes).loads(error.details)
    except HessianError:
        return None  # details of another kind
    return found if isinstance(found, BaseException) else None
