"""
Errors that name the trace of their call.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.values.copied_error import copied_error

__all__ = ["traced_error"]


def traced_error(error: CallError, trace_id: str) -> CallError:
    """
    Return an error as that of a call in a trace.

    It is a copy if that names another trace, as an error that a program keeps and raises again.
    """
    if error.trace_id not in ("", trace_id):
        error = copied_error(error)
    error.trace_id = trace_id
    return error
